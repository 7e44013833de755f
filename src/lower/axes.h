// Axis attributes and inputs, made non-negative and checked.
#pragma once

#include <vector>

#include "lower/context.h"

namespace smeaton::lower {

/// 0 <= axis < rank; refuses the node otherwise. An axis equal to the rank passes with `past_end`.
size_t normalized_axis(const NodeContext&, int64_t axis, size_t rank, bool past_end = false);
/// The same for each element, sorted; refuses repeated axes.
std::vector<size_t> normalized_axes(const NodeContext&, const std::vector<int64_t>&, size_t rank);

}  // namespace smeaton::lower
