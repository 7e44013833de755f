// Coefficients from tools/fit_polynomials.py; Cody-Waite constants split ln2 and pi/2 so that the
// product with a small integer is exact. Error bounds are those of gir/scalar_list.h, kept by
// prelude_test.cpp. A vf64 is two registers wide: the compiler splits arithmetic and conversions of
// it in two, and comparisons and selects into single elements, which is why those are done in f32.
#include "emit/cpp/prelude_math.h"

#include <map>

namespace smeaton::emit {

namespace {

// p * 2^n for integral n; where the hardware cannot, in two exact halves, so that a denormal result
// is rounded once.
constexpr const char* kScaleAvx512 = R"(
static inline vf32 scale_vf32(vf32 p, vf32 n) {
    return SMEATON_SCALEF(p, n);
}
)";
constexpr const char* kScale = R"(
static inline vf32 scale_vf32(vf32 p, vf32 n) {
    vi32 k = __builtin_convertvector(n, vi32), half = k >> 1;
    vi32 a = (half + 127) << 23, b = (k - half + 127) << 23;
    return p * (vf32)a * (vf32)b;
}
)";

const std::map<std::string_view, const char*>& table() {
    static const std::map<std::string_view, const char*> snippets = {
        {"exp_vf32", R"(
// exp(x) = 2^n (1 + r + r^2 P(r)), n = round(x / ln2). A NaN stays one through every step. Where the result
// is zero it is set, not computed: a multiplication that underflows costs a hundred cycles, and masked
// attention is full of them.
static inline vf32 exp_vf32(vf32 x) {
    vi32 gone = x < -103.98f;
    x = gone ? splat_f32(0.0f) : raw_min_vf32(splat_f32(100.0f), x);
    vf32 n = round_vf32(x * 1.442695041f);
    vf32 r = n * -0.693359375f + x;
    r = n * 2.12194440e-4f + r;
    vf32 s = r * r;
    vf32 p = (r * 1.991800673e-04f + 1.394621562e-03f) * s + (r * 8.333264850e-03f + 4.166626930e-02f);
    p = p * s + (r * 1.666666716e-01f + 0.5f);
    p = p * s + r + 1.0f;
    p = scale_vf32(p, n);
    return gone ? splat_f32(0.0f) : p;
}
)"},
        {"log_vf32", R"(
// x = 2^e (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)); log(1+f) = f - f^2/2 + f^3 P(f).
static inline vf32 log_vf32(vf32 x) {
    vf32 small = x < 1.17549435e-38f ? x * 8388608.0f : x;
    vi32 bits = (vi32)small;
    vi32 e = ((bits - 0x3f3504f3) >> 23);
    vf32 f = (vf32)(bits - (e << 23)) - 1.0f;
    vf32 n = __builtin_convertvector(e, vf32);
    n = x < 1.17549435e-38f ? n - 23.0f : n;
    vf32 s = f * f, q = s * s;
    vf32 low = (f * -1.666799635e-01f + 2.000211924e-01f) * s + (f * -2.500000894e-01f + 3.333331347e-01f);
    vf32 high = (f * -1.167577207e-01f + 1.188820899e-01f) * s + (f * -1.240557358e-01f + 1.421954483e-01f);
    vf32 p = (q * 6.746684015e-02f + high) * q + low;
    vf32 y = (p * f) * s;
    y = n * -2.12194440e-4f + y;
    y = s * -0.5f + y;
    y = f + y;
    y = n * 0.693359375f + y;
    vf32 infinity = splat_f32(__builtin_inff());
    y = x == 0.0f ? -infinity : y;
    y = x == infinity ? infinity : y;
    y = x < 0.0f ? splat_f32(__builtin_nanf("")) : y;
    return x != x ? x : y;
}
)"},
        {"erf_vf32", R"(
// |x| < 0.93: x + x P(x^2); above: 1 - exp(-Q(|x|)), which is 1 in f32 from 4 on.
static inline vf32 erf_vf32(vf32 x) {
    vf32 t = raw_min_vf32(splat_f32(4.0f), abs_vf32(x)), s = x * x, s2 = s * s;
    vf32 p = (s * -5.953739164e-04f + 4.985940177e-03f) * s2 + (s * -2.676171996e-02f + 1.128168255e-01f);
    p = p * s2 + (s * -3.761247993e-01f + 1.283791512e-01f);
    p = p * x + x;
    vf32 t2 = t * t;
    vf32 q = (t * 2.109505112e-05f + -4.344626213e-04f) * t2 + (t * 4.171063192e-03f + -2.511942759e-02f);
    vf32 low = (t * 1.082800925e-01f + 6.333469152e-01f) * t2 + (t * 1.129514933e+00f + -1.746844500e-04f);
    q = q * (t2 * t2) + low;
    vf32 far = 1.0f - exp_vf32(-q);
    far = (vf32)((vi32)far | ((vi32)x & (i32)0x80000000));
    return t < 0.93f ? p : far;
}
)"},
        {"tanh_vf32", R"(
// |x| < 0.625: x + x^3 P(x^2); above: 1 - 2 / (exp(2|x|) + 1).
static inline vf32 tanh_vf32(vf32 x) {
    vf32 t = abs_vf32(x), s = x * x, s2 = s * s;
    vf32 p = (s * 2.063907869e-02f + -5.373971164e-02f) + s2 * -5.704978481e-03f;
    p = p * s2 + (s * 1.333144158e-01f + -3.333328068e-01f);
    p = (p * s) * x + x;
    vf32 far = 1.0f - 2.0f / (exp_vf32(t + t) + 1.0f);
    far = (vf32)((vi32)far | ((vi32)x & (i32)0x80000000));
    return t < 0.625f ? p : far;
}
)"},
        {"sigmoid_vf32", R"(
// z = exp(-|x|) never overflows: 1 / (1 + z) right of zero, z / (1 + z) left of it.
static inline vf32 sigmoid_vf32(vf32 x) {
    vf32 z = exp_vf32(-abs_vf32(x));
    return (x < 0.0f ? z : splat_f32(1.0f)) / (1.0f + z);
}
)"},
        {"sine_terms_vf64", R"(
// Taylor sums on |r| <= pi/4, in f64.
static inline vf64 sine_of_vf64(vf64 r, vf64 s) {
    vf64 p = s * 1.605904383682161e-10 - 2.505210838544172e-08;
    p = p * s + 2.755731922398589e-06;
    p = p * s - 1.984126984126984e-04;
    p = p * s + 8.333333333333333e-03;
    p = p * s - 1.666666666666667e-01;
    return p * s * r + r;
}
static inline vf64 cosine_of_vf64(vf64 s) {
    vf64 p = s * 2.087675698786810e-09 - 2.755731922398589e-07;
    p = p * s + 2.480158730158730e-05;
    p = p * s - 1.388888888888889e-03;
    p = p * s + 4.166666666666666e-02;
    p = p * s - 0.5;
    return p * s + 1.0;
}
// sin(x + turn pi/2), |x| <= 2^20: r = x - n pi/2 with n pi/2 in three parts.
static inline vf32 sine_terms_vf64(vf32 x, int turn) {
    vf64 d = __builtin_convertvector(x, vf64);
    vf64 t = d * 0.6366197723675814 + 6755399441055744.0;
    vf64 n = t - 6755399441055744.0;
    vf64 r = d - n * 1.570796326734125614e+00;
    r = r - n * 6.077100506303965977e-11;
    r = r - n * 2.022266248795950631e-21;
    vf64 s = r * r;
    vi32 quadrant = __builtin_convertvector((vi64)t + turn, vi32);
    vf32 sine = __builtin_convertvector(sine_of_vf64(r, s), vf32);
    vf32 cosine = __builtin_convertvector(cosine_of_vf64(s), vf32);
    vf32 y = (quadrant & 1) != 0 ? cosine : sine;
    return (vf32)((vi32)y ^ ((quadrant & 2) << 30));
}
)"},
        {"sin_vf32", R"(
static inline vf32 sin_vf32(vf32 x) {
    vf32 y = sine_terms_vf64(x, 0);
    vb8 far = truth_f32(abs_vf32(x) >= 1048576.0f) | truth_f32(x != x);
    y = x == 0.0f ? x : y;
    if (any_b8(far))
        for (int i = 0; i < kLanes; ++i)
            if (far[i]) y[i] = __builtin_sinf(x[i]);
    return y;
}
)"},
        {"cos_vf32", R"(
static inline vf32 cos_vf32(vf32 x) {
    vf32 y = sine_terms_vf64(x, 1);
    vb8 far = truth_f32(abs_vf32(x) >= 1048576.0f) | truth_f32(x != x);
    if (any_b8(far))
        for (int i = 0; i < kLanes; ++i)
            if (far[i]) y[i] = __builtin_cosf(x[i]);
    return y;
}
)"},
        {"log2_vf64", R"(
// log2 of a normal f64: x = 2^e m, log m = 2 atanh((m - 1) / (m + 1)).
static inline vf64 log2_vf64(vf64 x) {
    vi64 bits = (vi64)x;
    vi64 e = (bits - 0x3fe6a09e667f3bcdLL) >> 52;
    vf64 m = (vf64)(bits - (e << 52));
    vf64 s = (m - 1.0) / (m + 1.0), t = s * s;
    vf64 p = t * (1.0 / 17) + 1.0 / 15;
    p = p * t + 1.0 / 13;
    p = p * t + 1.0 / 11;
    p = p * t + 1.0 / 9;
    p = p * t + 1.0 / 7;
    p = p * t + 1.0 / 5;
    p = p * t + 1.0 / 3;
    p = p * t + 1.0;
    return (p * s) * 2.885390081777926815 + __builtin_convertvector(e, vf64);
}
)"},
        {"exp2_vf64", R"(
// 2^x for |x| < 1000 in f64.
static inline vf64 exp2_vf64(vf64 x) {
    vf64 t = x + 6755399441055744.0, n = t - 6755399441055744.0;
    vf64 r = (x - n) * 0.693147180559945309;
    vf64 p = r * 2.505210838544172e-08 + 2.755731922398589e-07;
    p = p * r + 2.755731922398589e-06;
    p = p * r + 2.480158730158730e-05;
    p = p * r + 1.984126984126984e-04;
    p = p * r + 1.388888888888889e-03;
    p = p * r + 8.333333333333333e-03;
    p = p * r + 4.166666666666666e-02;
    p = p * r + 1.666666666666667e-01;
    p = p * r + 0.5;
    p = (r * r) * p + r + 1.0;
    return p * (vf64)(((vi64)t + 1023) << 52);
}
)"},
        {"pow_vf32", R"(
// x^y = 2^(y log2 x) in f64 for positive finite x; the other lanes go to the C library.
static inline vf32 pow_vf32(vf32 x, vf32 y) {
    vf32 top = splat_f32(3.40282347e+38f);
    vb8 plain = truth_f32(x > 0.0f) & truth_f32(x <= top) & truth_f32(abs_vf32(y) <= top);
    vf32 safe = pick_f32(plain, x, splat_f32(1.0f));
    vf64 e = log2_vf64(__builtin_convertvector(safe, vf64)) *
             __builtin_convertvector(pick_f32(plain, y, splat_f32(1.0f)), vf64);
    vf32 size = __builtin_convertvector(e, vf32);
    vi32 near = abs_vf32(size) < 200.0f;
    e = e * __builtin_convertvector(near ? splat_f32(1.0f) : splat_f32(0.0f), vf64);
    vf32 z = __builtin_convertvector(exp2_vf64(e), vf32);
    vf32 far = size > 0.0f ? splat_f32(__builtin_inff()) : splat_f32(0.0f);
    z = near ? z : far;
    if (any_b8(plain ^ 1))
        for (int i = 0; i < kLanes; ++i)
            if (!plain[i]) z[i] = __builtin_powf(x[i], y[i]);
    return z;
}
)"},
        {"log1p_vf32", R"(
// In f64: log2(1 + x), or the first terms of the series near zero.
static inline vf32 log1p_vf32(vf32 x) {
    vb8 plain = truth_f32(x > -1.0f) & truth_f32(x <= 3.40282347e+38f);
    vf64 d = __builtin_convertvector(pick_f32(plain, x, splat_f32(0.0f)), vf64);
    vf32 near = __builtin_convertvector(d - d * d * (0.5 - d * (1.0 / 3)), vf32);
    vf32 z = __builtin_convertvector(log2_vf64(1.0 + d) * 0.693147180559945309, vf32);
    z = abs_vf32(x) < 1e-5f ? near : z;
    z = x == 0.0f ? x : z;
    if (any_b8(plain ^ 1))
        for (int i = 0; i < kLanes; ++i)
            if (!plain[i]) z[i] = __builtin_log1pf(x[i]);
    return z;
}
)"},
    };
    return snippets;
}

}  // namespace

std::optional<std::string> math_snippet(std::string_view name, const Isa& isa) {
    if (name == "scale_vf32") return isa.masks ? kScaleAvx512 : kScale;
    auto found = table().find(name);
    if (found == table().end()) return std::nullopt;
    return found->second;
}

}  // namespace smeaton::emit
