// The backward half of a part of a model: of a layer between those before and behind it.
//
//     part of:  y = f(x; w)
//   =>
//     inputs   x, y.cotangent, w            (d loss / d y comes from the layer behind)
//     outputs  y, x.gradient, w.gradient
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "model/grad/loss.h"
#include "model/shape/infer.h"

namespace smeaton::model {

enum class Half : uint8_t {
    kForward,
    kData,    ///< for gradients of what comes in
    kWeights  ///< for gradients of weights alone
};

struct PartStep {
    ShapedGraph shaped;            ///< simplified
    std::vector<Half> halves;      ///< by node
    std::vector<bool> core;        ///< by node: forward, of the core of an attention (attention.h)
    std::vector<ValueId> data;     ///< inputs of the part
    std::vector<ValueId> weights;  ///< trained, as inputs
    std::vector<ValueId> weight_gradients;  ///< of each of them; empty where nothing has any
};

/// Differentiates a part whose sizes are numbers by its float inputs and its weights
/// (may_be_weight). Outputs that no gradient reaches have no cotangent. With a loss it stands on
/// the first output in place of the cotangents. Norms of batches in training form. UserError as
/// differentiate().
PartStep differentiate_part(Graph part, const std::optional<LossChoice>& loss,
                            const Evaluator& evaluator);

}  // namespace smeaton::model
