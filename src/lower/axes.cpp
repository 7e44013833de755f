#include "lower/axes.h"

#include <algorithm>

namespace smeaton::lower {

size_t normalized_axis(const NodeContext& node, int64_t axis, size_t rank, bool past_end) {
    const int64_t n = static_cast<int64_t>(rank);
    const int64_t a = axis < 0 ? axis + n : axis;
    if (a < 0 || a > n || (a == n && !past_end && n > 0))
        node.refuse("axis {} is outside a tensor of rank {}", axis, rank);
    return static_cast<size_t>(a);
}

std::vector<size_t> normalized_axes(const NodeContext& node, const std::vector<int64_t>& axes,
                                    size_t rank) {
    std::vector<size_t> out;
    for (int64_t a : axes) out.push_back(normalized_axis(node, a, rank));
    std::sort(out.begin(), out.end());
    if (std::adjacent_find(out.begin(), out.end()) != out.end()) node.refuse("an axis is repeated");
    return out;
}

}  // namespace smeaton::lower
