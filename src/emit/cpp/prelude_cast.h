// Conversions between dtypes, scalar and vector, as text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "emit/cpp/isa.h"
#include "tensor/dtype.h"

namespace smeaton::emit {

/// The dtype that a name of emitted code stands for ("f32", "b8").
std::optional<tensor::DType> typed(std::string_view text);
bool starts(std::string_view text, std::string_view prefix);
/// The definition of "cast_f32_i8", "cast_vf32_i8", ...; nothing when the name is not of that form.
std::optional<std::string> cast_snippet(const std::string& name, const Isa&);

}  // namespace smeaton::emit
