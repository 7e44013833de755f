// The cores of attention: from the product of queries and keys to the weights that the values are
// summed with.
//
//     s = MatMul(q, k);  t = Mul(s, scale);  u = Add(t, mask);  p = Softmax(u);  y = MatMul(p, v)
//         ^^^^^^^^^^^^       ^^^^^^^^^^^^^       ^^^^^^^^^^^^        ^^^^^^^^^^
#pragma once

#include <vector>

#include "model/graph.h"

namespace smeaton::model {

/// By node: does it belong to such a core? Between the two contractions, both of values that depend
/// on `data` and on `parameters`, stand a Softmax and element-wise nodes and views.
std::vector<bool> attention_cores(const Graph&, const std::vector<ValueId>& data,
                                  const std::vector<ValueId>& parameters);

}  // namespace smeaton::model
