// Losses: nodes that make one number of a graph's output.
#pragma once

#include <optional>
#include <string>

#include "model/grad/composer.h"

namespace smeaton::model {

enum class LossKind {
    CrossEntropy,  ///< softmax over the classes, minus the target's log-probability; the mean
    MeanSquare,    ///< the mean of (output - target)^2 over all elements
    Output,        ///< an output of the graph that is one number
};

struct LossChoice {
    LossKind kind = LossKind::CrossEntropy;
    std::string output;  ///< which of the graph's outputs; empty: the first
    /// The shape of the target that will be fed, where it is known: it tells whether the classes of
    /// a cross-entropy lie along axis 1 (as in PyTorch) or along the last one. Absent: axis 1.
    std::optional<Sizes> target_shape;
};

struct Loss {
    ValueId value;   ///< rank 0, f32 or f64
    ValueId target;  ///< a new graph input: i64 class numbers, or the wished output; or invalid
    int64_t classes = 0;  ///< CrossEntropy: targets are 0 .. classes - 1
};

/// "cross-entropy", "mse", "output:NAME". UserError on any other text.
LossChoice loss_named(const std::string& text);

/// Appends the loss. UserError on an output that is not there, is no float, or has the wrong rank
/// or shape.
Loss append_loss(Composer&, const LossChoice&);

}  // namespace smeaton::model
