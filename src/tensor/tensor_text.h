// Constant tensors inside our line-based texts: "f32[2](1.0, 2.0)" in full when small,
// "f32[64,3,7,7] hash 0x…" when large.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "tensor/tensor.h"

namespace smeaton {
class TextReader;
}

namespace smeaton::tensor {

/// Tensors by content_hash, to resolve large ones.
using ConstantTable = std::map<uint64_t, Tensor>;

/// Written by its hash rather than in full.
bool is_large(const Tensor&);
std::string tensor_text(const Tensor&);
/// UserError on malformed text, a wrong number of elements, an unknown hash, or a tensor of the
/// table that has another dtype or shape.
Tensor read_tensor(TextReader&, const ConstantTable&);
/// The same; nothing where the hash is unknown.
std::optional<Tensor> read_tensor_if_known(TextReader&, const ConstantTable&);

}  // namespace smeaton::tensor
