// NumPy's .npy files: one dense array.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "tensor/tensor.h"

namespace smeaton::tensor {

/// Reads versions 1 to 3, little-endian, bool, integers, f16, f32, f64; an array in Fortran order
/// is transposed. The result views the mapped file where its order allows. UserError "FILE: ..." on
/// other element types, big-endian data, and sizes that the file's length does not fit.
Tensor read_npy(const std::string& path);
/// The same from memory. `keep` keeps `bytes` alive; `label` stands for the file in messages.
Tensor read_npy_bytes(std::span<const std::byte> bytes, std::shared_ptr<const void> keep,
                      const std::string& label);

/// The bytes of such a file. bf16 is widened to f32, which NumPy knows. UserError for types that
/// NumPy has no word for.
std::string npy_bytes(const Tensor&);

}  // namespace smeaton::tensor
