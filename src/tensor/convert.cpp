#include "tensor/convert.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.h"

namespace smeaton::tensor {

namespace {

/// What a small float format does beyond its finite values.
enum class Beyond {
    Ieee,        // all-ones exponent: infinity, NaN
    NanAllOnes,  // FN: only the all-ones code of either sign is NaN, no infinity
    NanNegZero,  // FNUZ: the code of -0 is NaN; no infinity, no -0
    Nothing,     // neither NaN nor infinity
};

struct SmallFloat {
    int exponent_bits;
    int mantissa_bits;
    int bias;
    Beyond beyond;
    bool saturates;  // on overflow (ONNX's default for 8-bit and smaller); to infinity otherwise

    int sign_shift() const { return exponent_bits + mantissa_bits; }
    uint32_t magnitude_mask() const { return (1u << sign_shift()) - 1; }
    uint32_t infinity() const { return ((1u << exponent_bits) - 1) << mantissa_bits; }
    uint32_t largest_finite() const {
        if (beyond == Beyond::Ieee) return infinity() - 1;
        return magnitude_mask() - (beyond == Beyond::NanAllOnes ? 1 : 0);
    }
};

constexpr SmallFloat kF16{5, 10, 15, Beyond::Ieee, false};
constexpr SmallFloat kF8E4M3FN{4, 3, 7, Beyond::NanAllOnes, true};
constexpr SmallFloat kF8E4M3FNUZ{4, 3, 8, Beyond::NanNegZero, true};
constexpr SmallFloat kF8E5M2{5, 2, 15, Beyond::Ieee, true};
constexpr SmallFloat kF8E5M2FNUZ{5, 2, 16, Beyond::NanNegZero, true};
constexpr SmallFloat kF4E2M1{2, 1, 1, Beyond::Nothing, true};

double decode(const SmallFloat& f, uint32_t code) {
    constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
    bool negative = (code >> f.sign_shift()) & 1;
    uint32_t magnitude = code & f.magnitude_mask();
    if (f.beyond == Beyond::NanNegZero && negative && magnitude == 0) return kNan;
    if (f.beyond == Beyond::NanAllOnes && magnitude == f.magnitude_mask()) return kNan;
    if (f.beyond == Beyond::Ieee && magnitude > f.infinity()) return negative ? -kNan : kNan;
    double value;
    if (f.beyond == Beyond::Ieee && magnitude == f.infinity()) {
        value = std::numeric_limits<double>::infinity();
    } else {
        int exponent = static_cast<int>(magnitude >> f.mantissa_bits);
        int mantissa = static_cast<int>(magnitude & ((1u << f.mantissa_bits) - 1));
        if (exponent > 0) mantissa += 1 << f.mantissa_bits;
        value = std::ldexp(mantissa, std::max(exponent, 1) - f.bias - f.mantissa_bits);
    }
    return negative ? -value : value;
}

uint32_t encode_nan(const SmallFloat& f, uint32_t sign) {
    switch (f.beyond) {
        case Beyond::Ieee:
            return sign | f.infinity() | (1u << (f.mantissa_bits - 1));
        case Beyond::NanAllOnes:
            return sign | f.magnitude_mask();
        case Beyond::NanNegZero:
            return 1u << f.sign_shift();
        case Beyond::Nothing:
            return f.largest_finite();  // as ONNX: NaN saturates to the positive end
    }
    return 0;
}

/// Nearest even in one rounding.
uint32_t encode(const SmallFloat& f, double value) {
    uint32_t sign = std::signbit(value) ? 1u << f.sign_shift() : 0;
    if (std::isnan(value)) return encode_nan(f, sign);
    double a = std::fabs(value);
    uint32_t code = 0;
    if (std::isinf(a)) {
        code = f.saturates ? f.largest_finite() : f.infinity();
    } else if (a > 0) {
        // In units of the last place of a's binade the code of a is ((e + bias - 1) << mantissa) +
        // n; a carry out of n moves to the next binade by itself, subnormals are e = 1 - bias.
        int e = std::max(std::ilogb(a), 1 - f.bias);
        double n = std::nearbyint(std::ldexp(a, f.mantissa_bits - e));
        int64_t wide =
            (static_cast<int64_t>(e + f.bias - 1) << f.mantissa_bits) + static_cast<int64_t>(n);
        int64_t largest = f.largest_finite();
        code = wide <= largest ? static_cast<uint32_t>(wide)
                               : (f.saturates ? f.largest_finite() : f.infinity());
    }
    if (f.beyond == Beyond::NanNegZero && code == 0) return 0;
    return sign | code;
}

/// 2^(code - 127), 255 is NaN; no sign, no zero.
double decode_e8m0(uint8_t code) {
    if (code == 255) return std::numeric_limits<double>::quiet_NaN();
    return std::ldexp(1.0, code - 127);
}

uint8_t encode_e8m0(double value) {
    if (std::isnan(value) || value < 0) return 255;
    if (value <= std::ldexp(1.0, -127)) return 0;
    if (std::isinf(value)) return 254;
    int e = std::ilogb(value);
    double mantissa = std::ldexp(value, -e);  // in [1, 2)
    if (mantissa > 1.5 || (mantissa == 1.5 && ((e + 127) & 1))) ++e;
    return static_cast<uint8_t>(std::min(e + 127, 254));
}

template <class T>
T load(const std::byte* base, int64_t index) {
    T value;
    std::memcpy(&value, base + index * static_cast<int64_t>(sizeof(T)), sizeof(T));
    return value;
}

template <class T>
void store(std::byte* base, int64_t index, T value) {
    std::memcpy(base + index * static_cast<int64_t>(sizeof(T)), &value, sizeof(T));
}

uint32_t load_packed(int width, const std::byte* base, int64_t index) {
    int64_t bit = index * width;
    return (std::to_integer<uint32_t>(base[bit / 8]) >> (bit % 8)) & ((1u << width) - 1);
}

void store_packed(int width, std::byte* base, int64_t index, uint32_t value) {
    int64_t bit = index * width;
    uint32_t mask = ((1u << width) - 1) << (bit % 8);
    uint32_t old = std::to_integer<uint32_t>(base[bit / 8]);
    base[bit / 8] = static_cast<std::byte>((old & ~mask) | ((value << (bit % 8)) & mask));
}

int64_t sign_extend(uint32_t code, int width) {
    int64_t half = int64_t{1} << (width - 1);
    return static_cast<int64_t>(code) >= half ? static_cast<int64_t>(code) - 2 * half : code;
}

/// Towards zero; beyond 64 bits the nearest end, NaN is 0.
int64_t to_int64(double v) {
    if (std::isnan(v)) return 0;
    if (v >= 0x1p63) return std::numeric_limits<int64_t>::max();
    if (v < -0x1p63) return std::numeric_limits<int64_t>::min();
    return static_cast<int64_t>(v);
}

uint64_t to_uint64(double v) {
    if (v < 0 || std::isnan(v)) return static_cast<uint64_t>(to_int64(v));
    if (v >= 0x1p64) return std::numeric_limits<uint64_t>::max();
    return static_cast<uint64_t>(v);
}

double load_float(DType t, const std::byte* base, int64_t i) {
    switch (t) {
        case DType::kF16:
            return f16_to_float(load<uint16_t>(base, i));
        case DType::kBF16:
            return bf16_to_float(load<uint16_t>(base, i));
        case DType::kF32:
            return load<float>(base, i);
        case DType::kF64:
            return load<double>(base, i);
        case DType::kF8E4M3FN:
            return decode(kF8E4M3FN, load<uint8_t>(base, i));
        case DType::kF8E4M3FNUZ:
            return decode(kF8E4M3FNUZ, load<uint8_t>(base, i));
        case DType::kF8E5M2:
            return decode(kF8E5M2, load<uint8_t>(base, i));
        case DType::kF8E5M2FNUZ:
            return decode(kF8E5M2FNUZ, load<uint8_t>(base, i));
        case DType::kF8E8M0:
            return decode_e8m0(load<uint8_t>(base, i));
        case DType::kF4E2M1:
            return decode(kF4E2M1, load_packed(4, base, i));
        default:
            break;
    }
    SMEATON_CHECK(false, "{} is no float type", name(t));
}

/// Nearest even from double to bf16 in one rounding: the bits that fall off the float are kept
/// sticky.
uint16_t double_to_bf16(double v) {
    auto f = static_cast<float>(v);
    if (std::isfinite(f) && static_cast<double>(f) != v) {
        uint32_t bits = std::bit_cast<uint32_t>(f);
        if (std::fabs(static_cast<double>(f)) > std::fabs(v)) --bits;
        f = std::bit_cast<float>(bits | 1);
    }
    return float_to_bf16(f);
}

}  // namespace

float f16_to_float(uint16_t code) {
    uint32_t sign = static_cast<uint32_t>(code & 0x8000) << 16;
    uint32_t exponent = (code >> 10) & 31;
    uint32_t mantissa = code & 0x3ff;
    if (exponent == 0) {
        float value = static_cast<float>(mantissa) * 0x1p-24f;
        return sign != 0 ? -value : value;
    }
    uint32_t wide = exponent == 31 ? 255 : exponent + 112;
    return std::bit_cast<float>(sign | (wide << 23) | (mantissa << 13));
}

uint16_t float_to_f16(float v) {
    return static_cast<uint16_t>(encode(kF16, v));
}

float bf16_to_float(uint16_t code) {
    return std::bit_cast<float>(static_cast<uint32_t>(code) << 16);
}

uint16_t float_to_bf16(float v) {
    auto bits = std::bit_cast<uint32_t>(v);
    if (std::isnan(v)) return static_cast<uint16_t>((bits >> 16) | 0x40);
    return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

double load_double(DType t, const std::byte* base, int64_t i) {
    if (is_float(t)) return load_float(t, base, i);
    if (t == DType::kU64) return static_cast<double>(load<uint64_t>(base, i));
    return static_cast<double>(load_int(t, base, i));
}

int64_t load_int(DType t, const std::byte* base, int64_t i) {
    switch (t) {
        case DType::kBool:
            return load<uint8_t>(base, i) != 0;
        case DType::kI8:
            return load<int8_t>(base, i);
        case DType::kI16:
            return load<int16_t>(base, i);
        case DType::kI32:
            return load<int32_t>(base, i);
        case DType::kI64:
            return load<int64_t>(base, i);
        case DType::kU8:
            return load<uint8_t>(base, i);
        case DType::kU16:
            return load<uint16_t>(base, i);
        case DType::kU32:
            return load<uint32_t>(base, i);
        case DType::kU64:
            return static_cast<int64_t>(load<uint64_t>(base, i));
        case DType::kI4:
            return sign_extend(load_packed(4, base, i), 4);
        case DType::kU4:
            return load_packed(4, base, i);
        case DType::kI2:
            return sign_extend(load_packed(2, base, i), 2);
        case DType::kU2:
            return load_packed(2, base, i);
        case DType::kString:
            break;
        default:
            return to_int64(load_float(t, base, i));
    }
    SMEATON_CHECK(false, "a string has no number");
}

void store_double(DType t, std::byte* base, int64_t i, double v) {
    switch (t) {
        case DType::kF16:
            return store(base, i, static_cast<uint16_t>(encode(kF16, v)));
        case DType::kBF16:
            return store(base, i, double_to_bf16(v));
        case DType::kF32:
            return store(base, i, static_cast<float>(v));
        case DType::kF64:
            return store(base, i, v);
        case DType::kF8E4M3FN:
            return store(base, i, static_cast<uint8_t>(encode(kF8E4M3FN, v)));
        case DType::kF8E4M3FNUZ:
            return store(base, i, static_cast<uint8_t>(encode(kF8E4M3FNUZ, v)));
        case DType::kF8E5M2:
            return store(base, i, static_cast<uint8_t>(encode(kF8E5M2, v)));
        case DType::kF8E5M2FNUZ:
            return store(base, i, static_cast<uint8_t>(encode(kF8E5M2FNUZ, v)));
        case DType::kF8E8M0:
            return store(base, i, encode_e8m0(v));
        case DType::kF4E2M1:
            return store_packed(4, base, i, encode(kF4E2M1, v));
        case DType::kBool:
            return store(base, i, static_cast<uint8_t>(v != 0));
        case DType::kU64:
            return store(base, i, to_uint64(v));
        default:
            return store_int(t, base, i, to_int64(v));
    }
}

void store_int(DType t, std::byte* base, int64_t i, int64_t v) {
    switch (t) {
        case DType::kBool:
            return store(base, i, static_cast<uint8_t>(v != 0));
        case DType::kI8:
        case DType::kU8:
            return store(base, i, static_cast<uint8_t>(v));
        case DType::kI16:
        case DType::kU16:
            return store(base, i, static_cast<uint16_t>(v));
        case DType::kI32:
        case DType::kU32:
            return store(base, i, static_cast<uint32_t>(v));
        case DType::kI64:
        case DType::kU64:
            return store(base, i, v);
        case DType::kI4:
        case DType::kU4:
            return store_packed(4, base, i, static_cast<uint32_t>(v & 15));
        case DType::kI2:
        case DType::kU2:
            return store_packed(2, base, i, static_cast<uint32_t>(v & 3));
        case DType::kF32:
            return store(base, i, static_cast<float>(v));
        case DType::kString:
            break;
        default:
            return store_double(t, base, i, static_cast<double>(v));
    }
    SMEATON_CHECK(false, "a string has no number");
}

}  // namespace smeaton::tensor
