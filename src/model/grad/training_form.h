// What changes in an inference graph before it is differentiated.
//
//     y = BatchNormalization(x, scale, bias, mean, var)
//   =>
//     m = mean of x;  v = mean of (x - m)^2                         (per channel)
//     y = BatchNormalization(x, scale, bias, m, v)
//     mean.next = momentum * mean + (1 - momentum) * m;  var.next likewise, with v
//
//     y = Dropout(x, ratio)   =>   y = Mul(x, mask)     mask: a graph input, 0 or 1 / (1 - ratio)
#pragma once

#include <set>
#include <string>
#include <vector>

#include "model/grad/composer.h"

namespace smeaton::model {

/// What one step hands to the next: a graph input, and the output that takes its place.
struct StateVariable {
    /// A graph input; of a parameter or running statistic the initializer's name.
    std::string name;
    Tensor initial;
    std::string next;  ///< a graph output of the same dtype and shape
    /// Dim d of it is dim order[d] of the model's initializer (state_order.h); empty: as in the
    /// model.
    std::vector<int64_t> order = {};
};

struct DropoutMask {
    std::string input;  ///< to be fed: 0 with probability `ratio`, else 1 / (1 - ratio)
    double ratio = 0;
};

struct TrainingForm {
    /// Running means and variances as ONNX defines them: the variance is that of the population,
    /// and `momentum` weighs the old value.
    std::vector<StateVariable> statistics;
    std::vector<DropoutMask> masks;
    std::set<std::string> on_batch_statistics;  ///< BatchNormalization nodes
};

/// Before shapes are inferred: a Dropout loses the operand that says whether it drops, and an
/// Identity of an initializer becomes an initializer of its own (exporters tie equal parameters by
/// such nodes, which training must not).
void prepare_training_form(Graph&);

/// Operands 3 and 4 of a BatchNormalization.
std::set<ValueId> running_statistics(const Graph&);

/// The rewriting above, on a graph whose shapes are inferred and whose settings are constants; and
/// the results that gradient rules read are all made (LayerNormalization's mean and inverse
/// deviation, indices of TopK and MaxPool). Next statistics become graph outputs.
TrainingForm to_training_form(Graph&, Composer&);

/// Only the latter, for gradients of the graph as it infers.
void complete_results(Graph&, Composer&);

}  // namespace smeaton::model
