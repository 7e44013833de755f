// Element conversions between storage formats and computable ones.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"

namespace smeaton::tensor {

float f16_to_float(uint16_t);
uint16_t float_to_f16(float);  ///< nearest even; overflow to infinity
float bf16_to_float(uint16_t);
uint16_t float_to_bf16(float);  ///< nearest even; NaN kept

/// Reads element `index` of densely packed `base` (sub-byte types too) as double / int64.
double load_double(DType, const std::byte* base, int64_t index);
int64_t load_int(DType, const std::byte* base, int64_t index);
void store_double(DType, std::byte* base, int64_t index, double);
void store_int(DType, std::byte* base, int64_t index, int64_t);

}  // namespace smeaton::tensor
