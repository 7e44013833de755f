#include "emit/cpp/spell.h"

#include <cctype>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "tensor/convert.h"

namespace smeaton::emit {

using gir::DType;
using gir::Literal;

std::string type_name(DType t) {
    switch (t) {
        case DType::kBool:
            return "b8";
        case DType::kI8:
        case DType::kI16:
        case DType::kI32:
        case DType::kI64:
        case DType::kU8:
        case DType::kU16:
        case DType::kU32:
        case DType::kU64:
        case DType::kF16:
        case DType::kBF16:
        case DType::kF32:
        case DType::kF64:
            return std::string(tensor::name(t));
        default:
            throw UserError("no code is generated for dtype {}", tensor::name(t));
    }
}

int size_of(DType t) {
    return tensor::bits(t) / 8;
}

std::string mask_type(DType t) {
    return fmt::format("i{}", tensor::bits(t));
}

static std::string float_literal(double v, bool single) {
    const char* suffix = single ? "f" : "";
    if (std::isnan(v)) return fmt::format("__builtin_nan{}(\"\")", suffix);
    if (std::isinf(v)) return fmt::format("{}__builtin_inf{}()", v < 0 ? "-" : "", suffix);
    std::string text = single ? fmt::format("{}", static_cast<float>(v)) : fmt::format("{}", v);
    if (text.find_first_of(".e") == std::string::npos) text += ".0";
    return v < 0 || std::signbit(v) ? fmt::format("({}{})", text, suffix) : text + suffix;
}

Literal converted(const Literal& v, DType t) {
    if (t == DType::kF32) {
        return Literal::of(static_cast<float>(v.as_double()));
    }
    if (t == DType::kF64) return Literal::of(v.as_double());
    if (t == DType::kF16)
        return Literal::of_int(tensor::float_to_f16(static_cast<float>(v.as_double())));
    if (t == DType::kBF16)
        return Literal::of_int(tensor::float_to_bf16(static_cast<float>(v.as_double())));
    if (t == DType::kBool) return Literal::of_int(v.is_int ? v.i != 0 : v.f != 0);
    int64_t i = v.i;
    if (!v.is_int) {
        // Saturating: literals of reductions over integers may be written as infinities.
        if (std::isnan(v.f)) {
            i = 0;
        } else if (t == DType::kU64) {
            if (v.f >= 18446744073709551616.0)
                i = -1;
            else
                i = v.f <= 0 ? 0 : static_cast<int64_t>(static_cast<uint64_t>(v.f));
        } else if (v.f >= 9223372036854775808.0) {
            i = std::numeric_limits<int64_t>::max();
        } else if (v.f <= -9223372036854775808.0) {
            i = std::numeric_limits<int64_t>::min();
        } else {
            i = static_cast<int64_t>(v.f);
        }
        int bits = tensor::bits(t);
        if (bits < 64) {
            bool is_signed = tensor::dtype_class(t) == tensor::DTypeClass::Int;
            int64_t hi = (int64_t{1} << (is_signed ? bits - 1 : bits)) - 1;
            int64_t lo = is_signed ? -hi - 1 : 0;
            i = i < lo ? lo : i > hi ? hi : i;
        }
    }
    return Literal::of_int(i);
}

std::string literal(DType t, const Literal& given) {
    Literal v = converted(given, t);
    if (t == DType::kF32) return float_literal(v.f, true);
    if (t == DType::kF64) return float_literal(v.f, false);
    switch (t) {
        case DType::kI64:
            if (v.i == std::numeric_limits<int64_t>::min()) return "(-9223372036854775807LL - 1)";
            return v.i < 0 ? fmt::format("({}LL)", v.i) : fmt::format("{}LL", v.i);
        case DType::kU64:
            return fmt::format("{}ULL", static_cast<uint64_t>(v.i));
        case DType::kI32:
            return fmt::format("(i32){}LL", static_cast<int64_t>(static_cast<int32_t>(v.i)));
        default:
            return fmt::format("({}){}LL", type_name(t), v.i);
    }
}

std::string stem(std::string_view name) {
    std::string out;
    for (char c : name) {
        if (!std::isalpha(static_cast<unsigned char>(c))) break;
        out += c;
    }
    return out.empty() ? "v" : out;
}

std::string identifier(std::string_view text) {
    std::string out;
    for (char c : text) out += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
    if (out.empty() || std::isdigit(static_cast<unsigned char>(out[0]))) out = "_" + out;
    return out;
}

}  // namespace smeaton::emit
