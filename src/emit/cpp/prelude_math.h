// Vector polynomials for f32, as text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "emit/cpp/isa.h"

namespace smeaton::emit {

/// The definition of a helper such as "exp_vf32"; nothing when the name is not one of this table.
std::optional<std::string> math_snippet(std::string_view name, const Isa&);

}  // namespace smeaton::emit
