// Open tensors: a dtype and a shape without data, for weights whose values nobody knows.
#pragma once

#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace smeaton::tensor {

/// Costs no memory. UserError as for any tensor of such a shape. Reading an element, hashing and
/// printing in full are UserErrors; whoever reads bytes must ask is_open() first: they lie where
/// nothing can be read.
Tensor open_tensor(DType, std::vector<int64_t> shape);
bool is_open(const Tensor&);
/// UserError for an open tensor.
void require_data(const Tensor&);

}  // namespace smeaton::tensor
