// In which order of dims a step holds what it hands to the next.
//
// A weight [filters, channels, h, w] is packed with filters innermost in each forward half, and so
// lies its gradient where it was summed. Held as [channels, h, w, filters] it is packed, and
// changed, by whole lines, and the gradient of the input turns blocks in registers.
#pragma once

#include <cstdint>
#include <vector>

#include "model/grad/composer.h"

namespace smeaton::model {

/// 1, 2, ..., 0 for what a convolution (transposed or not) has for its weight; else empty.
std::vector<int64_t> order_between_steps(const Graph&, ValueId parameter);

/// Dim d of the result is dim order[d] of the tensor.
Tensor in_order(const Tensor&, const std::vector<int64_t>& order);
/// The other way round: in_order(t, order) gives back t.
Tensor out_of_order(const Tensor& t, const std::vector<int64_t>& order);

/// The graph input takes its dims in this order; readers get a transposed view of it.
void turn_input(Composer&, ValueId input, const std::vector<int64_t>& order);

}  // namespace smeaton::model
