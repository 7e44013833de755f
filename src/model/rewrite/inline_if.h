// An If whose condition is a constant becomes the nodes of its branch.
//
//     const c: bool[](true)
//     y = If(c, x) {captures: 1}              y = Relu(x) as If_1/Relu_0
//       then_branch: graph t            =>
//         input x
//         r = Relu(x) as Relu_0
//         output r
//
// Before: a shaped graph. After: no If has a constant condition; all shapes are inferred anew.
#pragma once

#include "model/rewrite/pass.h"
#include "model/shape/infer.h"

namespace smeaton::model {

Rewritten inline_if(ShapedGraph, const Evaluator& evaluator);

}  // namespace smeaton::model
