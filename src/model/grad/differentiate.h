// From a graph that infers to one that gives a loss and its gradients.
//
//     graph of: logits = f(x; w, b)
//   =>
//     inputs   x, target, w, b               (parameters are fed: they change from step to step)
//     outputs  loss, w.gradient, b.gradient  (and running statistics, see training_form.h)
//
// The result is an ordinary model graph: backward nodes are operators of ai.onnx 18 named
// "<node>.grad.<operator>", written in the reverse order of the forward ones.
#pragma once

#include <string>
#include <vector>

#include "model/grad/loss.h"
#include "model/grad/recompute.h"
#include "model/grad/training_form.h"
#include "model/shape/infer.h"

namespace smeaton::model {

struct GradientOptions {
    LossChoice loss;
    /// Shell patterns (*, ?, [abc]) of initializers that stay as they are.
    std::vector<std::string> freeze;
    /// BatchNormalization by the batch's statistics and Dropout that drops; else the graph as it
    /// infers.
    bool training_form = true;
    /// Gradients of convolutions that skip positions as some compilers write them: zeros stand in
    /// the gaps of the result's gradient, products with them are computed, so are the elements of a
    /// weight's gradient that the gaps add and nobody reads, and the gradients of the graph's float
    /// inputs, which become outputs. The same values otherwise.
    bool zeros_inserted = false;
};

struct TrainedParameter {
    std::string name;  ///< the initializer's, and the graph input's
    Tensor initial;
    std::string gradient;  ///< a graph output of the same shape
};

struct GradientGraph {
    ShapedGraph shaped;
    std::string loss;     ///< a graph output of rank 0
    std::string target;   ///< a graph input; empty where the loss is an output of the graph
    int64_t classes = 0;  ///< cross-entropy: targets are 0 .. classes - 1
    std::vector<TrainedParameter> parameters;  ///< in the order of the graph's values
    TrainingForm form;
    ForwardHalf half;  ///< what may be computed again
};

/// Trained are the float initializers that reach the loss through operators that pass a gradient,
/// but for running statistics, what `freeze` names, and what Constant nodes hold. Before: a graph
/// whose input sizes are numbers (bind_dims). `evaluator` and `known` as for infer_shapes.
/// UserError: unbound sizes, a pattern that names no initializer, no parameter at all, a loss that
/// does not fit (loss.h), and operators without a gradient on the way, all at once, with the
/// parameters behind them.
GradientGraph differentiate(Graph, const GradientOptions&, const Evaluator& evaluator,
                            const ValueBindings& known = {});

}  // namespace smeaton::model
