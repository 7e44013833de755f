// The optimiser as nodes behind the gradients: inputs are the state before a step, outputs the
// state after it.
//
//     sgd        p' = p - lr g                           g with decay: g + decay p
//     momentum   b' = momentum b + g;  p' = p - lr b'
//     adam       m' = b1 m + (1 - b1) g;  v' = b2 v + (1 - b2) g^2
//                p' = p - lr / (1 - b1^t) m' / (sqrt(v') / sqrt(1 - b2^t) + epsilon)
//     adamw      as adam, without decay in g, from (1 - lr decay) p
#pragma once

#include <string>
#include <vector>

#include "model/grad/differentiate.h"

namespace smeaton::model {

enum class OptimizerKind { Sgd, Momentum, Adam, AdamW };

/// Defaults are PyTorch's.
struct OptimizerChoice {
    OptimizerKind kind = OptimizerKind::Sgd;
    double momentum = 0.9;
    double beta1 = 0.9, beta2 = 0.999;
    double epsilon = 1e-8;
    double weight_decay = 0;
    /// Weights of convolutions, and what is kept of them, lie in the order of state_order.h; else
    /// all lie as in the model.
    bool states_in_order = true;
};

/// "sgd", "momentum", "adam", "adamw" (with a weight decay of 0.01). UserError on other text.
OptimizerChoice optimizer_named(const std::string& text);
/// UserError on a momentum or beta outside 0 <= b < 1, an epsilon or decay below 0.
void check_optimizer(const OptimizerChoice&);

/// A graph that makes one step of training.
struct TrainingStep {
    ShapedGraph shaped;   ///< outputs: the loss, then `next` of every state variable
    std::string loss;     ///< a graph output of rank 0
    std::string target;   ///< a graph input; empty where the loss is an output of the model
    int64_t classes = 0;  ///< cross-entropy: targets are 0 .. classes - 1
    /// Parameters first, then running statistics, then what the optimiser keeps ("W.momentum",
    /// "W.moment1", "W.moment2"), which starts from zeros.
    std::vector<StateVariable> state;
    size_t parameters = 0;           ///< how many of `state` are parameters
    size_t statistics = 0;           ///< how many follow that are running statistics
    std::vector<DropoutMask> masks;  ///< graph inputs to be fed
    std::string learning_rate;       ///< a graph input: f64, rank 0
    std::string step;                ///< a graph input: f64, rank 0: 1 in the first step; or empty
};

TrainingStep append_optimizer(GradientGraph, const OptimizerChoice&);

}  // namespace smeaton::model
