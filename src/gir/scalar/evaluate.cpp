#include "gir/scalar/evaluate.h"

#include <cmath>
#include <cstddef>
#include <limits>

#include "base/error.h"
#include "tensor/convert.h"

namespace smeaton::gir {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

template <class In, class Out, class Fn>
void map_row(const In* x, Out* y, int64_t n, Fn fn) {
    for (int64_t i = 0; i < n; ++i) y[i] = fn(x[i]);
}

template <class In, class Out, class Fn>
void zip_row(const In* a, const In* b, Out* y, int64_t n, Fn fn) {
    for (int64_t i = 0; i < n; ++i) y[i] = fn(a[i], b[i]);
}

[[noreturn]] void no_form(ScalarFn fn, std::string_view of) {
    SMEATON_CHECK(false, "scalar function {} has no form on {}", name(fn), of);
}

double larger(double a, double b) {
    if (std::isnan(a)) return a;
    return std::isnan(b) || b > a ? b : a;
}
double smaller(double a, double b) {
    if (std::isnan(a)) return a;
    return std::isnan(b) || b < a ? b : a;
}

// Unsigned arithmetic wraps without undefined behaviour.
int64_t wrapping_add(int64_t a, int64_t b) {
    return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
int64_t wrapping_sub(int64_t a, int64_t b) {
    return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}
int64_t wrapping_mul(int64_t a, int64_t b) {
    return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}

int64_t power(int64_t base, int64_t exponent, bool as_unsigned) {
    if (!as_unsigned && exponent < 0) {
        if (base == 1) return 1;
        if (base == -1) return exponent % 2 == 0 ? 1 : -1;
        return 0;
    }
    int64_t result = 1;
    for (uint64_t e = static_cast<uint64_t>(exponent); e != 0; e >>= 1) {
        if (e & 1) result = wrapping_mul(result, base);
        base = wrapping_mul(base, base);
    }
    return result;
}

void check_divisor(int64_t b) {
    if (b == 0) throw UserError("integer division by zero");
}

struct SignedDivision {
    static int64_t quotient(int64_t a, int64_t b) {
        check_divisor(b);
        return b == -1 ? wrapping_sub(0, a) : a / b;
    }
    static int64_t remainder(int64_t a, int64_t b) {  // sign of the dividend
        check_divisor(b);
        return b == -1 ? 0 : a % b;
    }
    static int64_t modulo(int64_t a, int64_t b) {  // sign of the divisor
        int64_t r = remainder(a, b);
        return r != 0 && (r < 0) != (b < 0) ? r + b : r;
    }
};

struct UnsignedDivision {
    static int64_t quotient(int64_t a, int64_t b) {
        check_divisor(b);
        return static_cast<int64_t>(static_cast<uint64_t>(a) / static_cast<uint64_t>(b));
    }
    static int64_t remainder(int64_t a, int64_t b) {
        check_divisor(b);
        return static_cast<int64_t>(static_cast<uint64_t>(a) % static_cast<uint64_t>(b));
    }
    static int64_t modulo(int64_t a, int64_t b) { return remainder(a, b); }
};

template <class T>
bool compare(ScalarFn fn, T a, T b) {
    switch (fn) {
        case ScalarFn::eq:
            return a == b;
        case ScalarFn::ne:
            return a != b;
        case ScalarFn::lt:
            return a < b;
        case ScalarFn::le:
            return a <= b;
        case ScalarFn::gt:
            return a > b;
        default:
            return a >= b;
    }
}

template <class T>
void compare_rows(ScalarFn fn, const int64_t* a, const int64_t* b, int64_t* y, int64_t n) {
    zip_row(a, b, y, n, [fn](int64_t p, int64_t q) {
        return static_cast<int64_t>(compare(fn, static_cast<T>(p), static_cast<T>(q)));
    });
}

// Functions whose result does not depend on the sign.
bool apply_modular(ScalarFn fn, const int64_t* a, const int64_t* b, int64_t* y, int64_t n) {
    switch (fn) {
        case ScalarFn::add:
            zip_row(a, b, y, n, wrapping_add);
            return true;
        case ScalarFn::sub:
            zip_row(a, b, y, n, wrapping_sub);
            return true;
        case ScalarFn::mul:
            zip_row(a, b, y, n, wrapping_mul);
            return true;
        case ScalarFn::and_:
            zip_row(a, b, y, n, [](int64_t p, int64_t q) -> int64_t { return p != 0 && q != 0; });
            return true;
        case ScalarFn::or_:
            zip_row(a, b, y, n, [](int64_t p, int64_t q) -> int64_t { return p != 0 || q != 0; });
            return true;
        case ScalarFn::xor_:
            zip_row(a, b, y, n,
                    [](int64_t p, int64_t q) -> int64_t { return (p != 0) != (q != 0); });
            return true;
        default:
            return false;
    }
}

template <class T, class Division>
void apply_by_sign(ScalarFn fn, const int64_t* a, const int64_t* b, int64_t* y, int64_t n) {
    switch (fn) {
        case ScalarFn::idiv:
            return zip_row(a, b, y, n, Division::quotient);
        case ScalarFn::imod:
            return zip_row(a, b, y, n, Division::modulo);
        case ScalarFn::fmod:
            return zip_row(a, b, y, n, Division::remainder);
        case ScalarFn::max:
            return zip_row(a, b, y, n, [](int64_t p, int64_t q) {
                return static_cast<T>(p) < static_cast<T>(q) ? q : p;
            });
        case ScalarFn::min:
            return zip_row(a, b, y, n, [](int64_t p, int64_t q) {
                return static_cast<T>(q) < static_cast<T>(p) ? q : p;
            });
        default:
            if (!gives_bool(fn)) no_form(fn, "integers");
            compare_rows<T>(fn, a, b, y, n);
    }
}

bool apply_unary_rounding(ScalarFn fn, const double* x, double* y, int64_t n) {
    switch (fn) {
        case ScalarFn::floor:
            map_row(x, y, n, [](double v) { return std::floor(v); });
            return true;
        case ScalarFn::ceil:
            map_row(x, y, n, [](double v) { return std::ceil(v); });
            return true;
        case ScalarFn::round:
            map_row(x, y, n, [](double v) { return std::nearbyint(v); });
            return true;
        case ScalarFn::trunc:
            map_row(x, y, n, [](double v) { return std::trunc(v); });
            return true;
        case ScalarFn::copy:
            map_row(x, y, n, [](double v) { return v; });
            return true;
        case ScalarFn::neg:
            map_row(x, y, n, [](double v) { return -v; });
            return true;
        case ScalarFn::abs:
            map_row(x, y, n, [](double v) { return std::fabs(v); });
            return true;
        case ScalarFn::sign:
            map_row(x, y, n, [](double v) {
                return v > 0 ? 1.0 : v < 0 ? -1.0 : v == 0 ? 0.0 : v;
            });
            return true;
        case ScalarFn::relu:
            map_row(x, y, n, [](double v) { return v < 0 ? 0.0 : v; });
            return true;
        default:
            return false;
    }
}

}  // namespace

void apply_unary(ScalarFn fn, const double* x, double* y, int64_t n) {
    if (apply_unary_rounding(fn, x, y, n)) return;
    switch (fn) {
        case ScalarFn::sqrt:
            return map_row(x, y, n, [](double v) { return std::sqrt(v); });
        case ScalarFn::reciprocal:
            return map_row(x, y, n, [](double v) { return 1.0 / v; });
        case ScalarFn::exp:
            return map_row(x, y, n, [](double v) { return std::exp(v); });
        case ScalarFn::log:
            return map_row(x, y, n, [](double v) { return std::log(v); });
        case ScalarFn::log1p:
            return map_row(x, y, n, [](double v) { return std::log1p(v); });
        case ScalarFn::erf:
            return map_row(x, y, n, [](double v) { return std::erf(v); });
        case ScalarFn::tanh:
            return map_row(x, y, n, [](double v) { return std::tanh(v); });
        case ScalarFn::sigmoid:
            return map_row(x, y, n, [](double v) { return 1.0 / (1.0 + std::exp(-v)); });
        case ScalarFn::sin:
            return map_row(x, y, n, [](double v) { return std::sin(v); });
        case ScalarFn::cos:
            return map_row(x, y, n, [](double v) { return std::cos(v); });
        default:
            no_form(fn, "floats");
    }
}

void apply_unary(ScalarFn fn, const int64_t* x, int64_t* y, int64_t n, bool as_unsigned) {
    switch (fn) {
        case ScalarFn::copy:
            return map_row(x, y, n, [](int64_t v) { return v; });
        case ScalarFn::neg:
            return map_row(x, y, n, [](int64_t v) { return wrapping_sub(0, v); });
        case ScalarFn::abs:
            return map_row(x, y, n, [as_unsigned](int64_t v) {
                return v < 0 && !as_unsigned ? wrapping_sub(0, v) : v;
            });
        case ScalarFn::sign:
            return map_row(x, y, n, [as_unsigned](int64_t v) -> int64_t {
                return v == 0 ? 0 : v > 0 || as_unsigned ? 1 : -1;
            });
        case ScalarFn::relu:
            return map_row(x, y, n, [as_unsigned](int64_t v) -> int64_t {
                return v < 0 && !as_unsigned ? 0 : v;
            });
        case ScalarFn::not_:
            return map_row(x, y, n, [](int64_t v) -> int64_t { return v == 0; });
        default:
            no_form(fn, "integers");
    }
}

void apply_test(ScalarFn fn, const double* x, int64_t* y, int64_t n) {
    switch (fn) {
        case ScalarFn::isnan:
            return map_row(x, y, n, [](double v) -> int64_t { return std::isnan(v); });
        case ScalarFn::isinf:
            return map_row(x, y, n, [](double v) -> int64_t { return std::isinf(v); });
        default:
            no_form(fn, "floats giving bool");
    }
}

void apply_binary(ScalarFn fn, const double* a, const double* b, double* y, int64_t n) {
    switch (fn) {
        case ScalarFn::add:
            return zip_row(a, b, y, n, [](double p, double q) { return p + q; });
        case ScalarFn::sub:
            return zip_row(a, b, y, n, [](double p, double q) { return p - q; });
        case ScalarFn::mul:
            return zip_row(a, b, y, n, [](double p, double q) { return p * q; });
        case ScalarFn::div:
            return zip_row(a, b, y, n, [](double p, double q) { return p / q; });
        case ScalarFn::fmod:
            return zip_row(a, b, y, n, [](double p, double q) { return std::fmod(p, q); });
        case ScalarFn::pow:
            return zip_row(a, b, y, n, [](double p, double q) { return std::pow(p, q); });
        case ScalarFn::max:
            return zip_row(a, b, y, n, larger);
        case ScalarFn::min:
            return zip_row(a, b, y, n, smaller);
        default:
            no_form(fn, "floats");
    }
}

void apply_binary(ScalarFn fn, const int64_t* a, const int64_t* b, int64_t* y, int64_t n,
                  bool as_unsigned) {
    if (apply_modular(fn, a, b, y, n)) return;
    if (fn == ScalarFn::pow)
        return zip_row(a, b, y, n,
                       [as_unsigned](int64_t p, int64_t q) { return power(p, q, as_unsigned); });
    if (as_unsigned)
        apply_by_sign<uint64_t, UnsignedDivision>(fn, a, b, y, n);
    else
        apply_by_sign<int64_t, SignedDivision>(fn, a, b, y, n);
}

void apply_compare(ScalarFn fn, const double* a, const double* b, int64_t* y, int64_t n) {
    zip_row(a, b, y, n,
            [fn](double p, double q) { return static_cast<int64_t>(compare(fn, p, q)); });
}

int64_t lowest_int(DType t) {
    if (t == DType::kBool || tensor::dtype_class(t) == tensor::DTypeClass::UInt) return 0;
    return -(int64_t{1} << (tensor::bits(t) - 2)) * 2;
}

int64_t highest_int(DType t) {
    if (t == DType::kBool) return 1;
    if (t == DType::kU64) return -1;  // the pattern of 2^64 - 1
    int value_bits = tensor::bits(t) - (tensor::dtype_class(t) == tensor::DTypeClass::Int ? 1 : 0);
    return value_bits == 63 ? std::numeric_limits<int64_t>::max() : (int64_t{1} << value_bits) - 1;
}

int64_t cast_to_int(double v, DType to) {
    if (to == DType::kBool) return v != 0;  // NaN too
    if (to == DType::kU64 && v >= 0x1p63)
        return v < 0x1p64 ? static_cast<int64_t>(static_cast<uint64_t>(v)) : 0;
    const bool by_i32 = to == DType::kI32 || tensor::bits(to) <= 16;
    const double end = by_i32 ? 0x1p31 : 0x1p63;
    // Between i32's lowest and the number below it truncation still fits; doubles have no such i64.
    const bool fits = v < end && (by_i32 ? v > -end - 1 : v >= -end);
    return wrap_int(fits ? static_cast<int64_t>(v) : static_cast<int64_t>(-end), to);
}

int64_t literal_to_int(double v, DType to) {
    if (to == DType::kBool) return v != 0;
    if (std::isnan(v)) return 0;
    if (to == DType::kU64) {
        if (v <= 0) return 0;
        return v >= 0x1p64 ? -1 : static_cast<int64_t>(static_cast<uint64_t>(v));
    }
    // Comparing as doubles is exact below 64 bits; for i64 the upper end rounds up to 2^63.
    if (v >= static_cast<double>(highest_int(to))) return highest_int(to);
    if (v <= static_cast<double>(lowest_int(to))) return lowest_int(to);
    return static_cast<int64_t>(v);
}

double cast_to_float(int64_t v, bool from_unsigned, DType to) {
    if (to == DType::kF32)
        return from_unsigned ? static_cast<float>(static_cast<uint64_t>(v)) : static_cast<float>(v);
    return from_unsigned ? static_cast<double>(static_cast<uint64_t>(v)) : static_cast<double>(v);
}

int64_t wrap_int(int64_t v, DType to) {
    if (to == DType::kBool) return v != 0;
    int width = tensor::bits(to);
    if (width == 64) return v;
    uint64_t kept = static_cast<uint64_t>(v) << (64 - width);
    if (tensor::dtype_class(to) == tensor::DTypeClass::UInt)
        return static_cast<int64_t>(kept >> (64 - width));
    return static_cast<int64_t>(kept) >> (64 - width);
}

double round_to(double v, DType to) {
    if (to == DType::kF64) return v;
    if (to == DType::kF32) return static_cast<float>(v);
    std::byte cell[8] = {};
    tensor::store_double(to, cell, 0, v);
    return tensor::load_double(to, cell, 0);
}

double lowest_of(DType t) {
    // Formats without infinity take their lowest finite value: rounding -inf saturates.
    return tensor::is_float(t) ? round_to(-kInfinity, t) : static_cast<double>(lowest_int(t));
}

double reduce_identity(ScalarFn fn, DType t) {
    switch (fn) {
        case ScalarFn::add:
            return 0;
        case ScalarFn::mul:
            return 1;
        case ScalarFn::max:
            return lowest_of(t);
        case ScalarFn::min:
            return -lowest_of(t);
        default:
            no_form(fn, "float reductions");
    }
}

int64_t reduce_identity_int(ScalarFn fn, DType t) {
    switch (fn) {
        case ScalarFn::add:
        case ScalarFn::or_:
            return 0;
        case ScalarFn::mul:
        case ScalarFn::and_:
            return 1;
        case ScalarFn::max:
            return lowest_int(t);
        case ScalarFn::min:
            return highest_int(t);
        default:
            no_form(fn, "integer reductions");
    }
}

}  // namespace smeaton::gir
