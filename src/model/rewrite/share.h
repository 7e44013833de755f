// Nodes that compute the same and constants that hold the same become one.
//
//     a = Sqrt(x)              a = Sqrt(x)
//     b = Sqrt(x)        =>    y = Add(a, a)
//     y = Add(a, b)
//
// Before: a shaped graph. After: no two nodes without subgraphs have the same operator, version,
// attributes and operands, except where both make a graph output.
#pragma once

#include "model/rewrite/pass.h"

namespace smeaton::model {

Rewritten share_common(ShapedGraph);

}  // namespace smeaton::model
