// Removes what no graph output depends on: nodes, outputs of nodes that nobody reads where the
// operator may leave them out, values, constants. Graph inputs stay.
//
//     a = Relu(x)                       y = Neg(x)
//     y = Neg(x)                  =>    output y
//     output y
//
// Before: any graph. After: every node is needed, every value is used or a graph input; ids of
// values are new (dense, in the old order).
#pragma once

#include "model/rewrite/pass.h"

namespace smeaton::model {

Rewritten remove_dead_code(ShapedGraph);

}  // namespace smeaton::model
