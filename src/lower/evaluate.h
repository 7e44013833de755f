// One node on constants: lowered and interpreted, so that folding needs no second operator library.
#pragma once

#include <optional>
#include <vector>

#include "model/graph.h"

namespace smeaton::lower {

/// The node's outputs for these inputs (absent where the node leaves one out; at most as many as
/// node.inputs). Nothing when the node cannot be shaped or lowered, or when its run ends in an
/// error.
std::optional<std::vector<tensor::Tensor>> evaluate(
    const model::Node&, const std::vector<std::optional<tensor::Tensor>>& inputs);

}  // namespace smeaton::lower
