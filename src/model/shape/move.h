// Parameters of operators that only move elements, with every version's spelling resolved.
#pragma once

#include "model/shape/view.h"

namespace smeaton::model {

/// Reshape: the new shape, 0 and -1 resolved.
Shape reshape_target(const NodeView&);
/// Transpose: output dim d is operand dim perm[d].
std::vector<int64_t> transpose_perm(const NodeView&);
/// Squeeze, Unsqueeze: the axes, ascending; of the operand for Squeeze, of the output for
/// Unsqueeze.
std::vector<int64_t> squeeze_axes(const NodeView&);
/// Concat's, Split's, Gather's, GatherElements's, ScatterElements's axis, counted from the front.
int64_t move_axis(const NodeView&);
/// Split: the size of each output along move_axis().
std::vector<Dim> split_sizes(const NodeView&);

/// One entry per dim of the operand: element i of the output is element starts + i * steps.
struct SliceRange {
    std::vector<Dim> starts;
    std::vector<int64_t> steps;
    Shape sizes;
};
SliceRange slice_range(const NodeView&);

/// Trilu: keeps elements with column - row >= k (upper) or <= k (lower) of the last two dims.
struct TriluChoice {
    int64_t k = 0;
    bool upper = true;
};
TriluChoice trilu_of(const NodeView&);

/// Pad: elements added (or, negative, taken away) in front of and behind each dim of the operand.
struct Padding {
    std::vector<int64_t> begins;
    std::vector<int64_t> ends;
    std::string mode;  ///< constant, reflect, edge, wrap
};
Padding padding_of(const NodeView&);
/// Modes edge, reflect, wrap: the operand's position behind position `at` of the result, counted
/// from the operand's start, along an axis of `extent` elements.
int64_t padded_source(const std::string& mode, int64_t at, int64_t extent);

/// DepthToSpace: true for mode DCR (depth, column, row), false for CRD.
bool depth_first(const NodeView&);

}  // namespace smeaton::model
