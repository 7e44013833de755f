// The element type that operands of products are narrowed to (gir/rewrite/narrow.h), by name.
#pragma once

#include <optional>
#include <string>

#include "machine/machine.h"
#include "tensor/dtype.h"

namespace smeaton::driver {

/// Of "bf16", "fp16", "int8", "int4"; nothing of "" and "f32": as the model has them. UserError for
/// other words.
std::optional<tensor::DType> products_of(const std::string& precision);

/// UserError, naming the machine and what its units take, where none is rated for products of such
/// operands.
void check_products(const machine::Machine&, const std::string& precision);

}  // namespace smeaton::driver
