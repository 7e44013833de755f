// How dtypes, literals and identifiers are spelt in emitted C++.
#pragma once

#include <string>
#include <string_view>

#include "gir/program.h"

namespace smeaton::emit {

/// "f32": the element type's name in emitted code. f16, bf16 are held as their bits ("f16", "bf16"
/// are 16-bit integers there). UserError for dtypes that code is not emitted for (sub-byte, fp8,
/// strings).
std::string type_name(gir::DType);
int size_of(gir::DType);
/// Type of lane masks: the signed integer as wide as the element.
std::string mask_type(gir::DType);

/// A literal of the dtype: "1.5f", "-__builtin_inff()", "3LL".
std::string literal(gir::DType, const gir::Literal&);
/// The literal's value rounded into the dtype's own range, as bits for f16 and bf16.
gir::Literal converted(const gir::Literal&, gir::DType);

/// The leading letters of a name, usable as a C++ identifier ("acc_17" gives "acc"), so that
/// kernels that differ only in numbering read, and hash, alike.
std::string stem(std::string_view name);
/// Any text as an identifier: other characters become '_'.
std::string identifier(std::string_view text);

}  // namespace smeaton::emit
