// Removes nodes that change nothing, and joins chains that only change shapes.
//
//     a = Identity(x)
//     b = Reshape(a, s)      # to the same shape
//     c = Transpose(b) {perm: [0,2,1]}            =>   y = Relu(x)
//     d = Transpose(c) {perm: [0,2,1]}
//     y = Relu(d)
//
// Goes: Identity, Dropout (its mask becomes a constant), Cast to the same dtype, Reshape and its
// like, Expand, Tile, Slice to the same shape, Pad of nothing, Transpose that permutes nothing,
// Resize by 1, Concat, Sum, Max, Min, Split of one; empty operands of Concat;
// adding or subtracting 0, multiplying or dividing by 1, the power 1. Two Transposes in a row
// become one, and so do two of Reshape, Squeeze, Unsqueeze, Flatten. A node between a graph input
// or constant and a graph output stays, as Identity. Before: a shaped graph. After: the same values
// under the outputs' names.
#pragma once

#include "model/rewrite/pass.h"

namespace smeaton::model {

Rewritten remove_noops(ShapedGraph);

}  // namespace smeaton::model
