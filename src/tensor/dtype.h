// Element types. Sub-byte types are stored packed, low bits first, as ONNX stores them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace smeaton::tensor {

//      enumerator  text     bits  class
#define SMEATON_DTYPES(X)                  \
    X(kBool, "bool", 8, Bool)              \
    X(kI8, "i8", 8, Int)                   \
    X(kI16, "i16", 16, Int)                \
    X(kI32, "i32", 32, Int)                \
    X(kI64, "i64", 64, Int)                \
    X(kU8, "u8", 8, UInt)                  \
    X(kU16, "u16", 16, UInt)               \
    X(kU32, "u32", 32, UInt)               \
    X(kU64, "u64", 64, UInt)               \
    X(kF16, "f16", 16, Float)              \
    X(kBF16, "bf16", 16, Float)            \
    X(kF32, "f32", 32, Float)              \
    X(kF64, "f64", 64, Float)              \
    X(kF8E4M3FN, "f8e4m3fn", 8, Float)     \
    X(kF8E4M3FNUZ, "f8e4m3fnuz", 8, Float) \
    X(kF8E5M2, "f8e5m2", 8, Float)         \
    X(kF8E5M2FNUZ, "f8e5m2fnuz", 8, Float) \
    X(kF8E8M0, "f8e8m0", 8, Float)         \
    X(kF4E2M1, "f4e2m1", 4, Float)         \
    X(kI4, "i4", 4, Int)                   \
    X(kU4, "u4", 4, UInt)                  \
    X(kI2, "i2", 2, Int)                   \
    X(kU2, "u2", 2, UInt)                  \
    X(kString, "string", 0, String)

enum class DTypeClass { Bool, Int, UInt, Float, String };

enum class DType : uint8_t {
#define X(name, text, bits, cls) name,
    SMEATON_DTYPES(X)
#undef X
};

std::string_view name(DType);  ///< "f32"
std::optional<DType> dtype_named(std::string_view);
int bits(DType);  ///< 0 for string
DTypeClass dtype_class(DType);
inline bool is_float(DType t) {
    return dtype_class(t) == DTypeClass::Float;
}
inline bool is_integer(DType t) {
    return dtype_class(t) == DTypeClass::Int || dtype_class(t) == DTypeClass::UInt;
}
/// Bytes of `count` elements, sub-byte types packed.
inline int64_t byte_count(DType t, int64_t count) {
    return (count * bits(t) + 7) / 8;
}

}  // namespace smeaton::tensor
