#include "emit/cpp/prelude.h"

#include <cctype>
#include <cstdlib>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/error.h"
#include "emit/cpp/prelude_cast.h"
#include "emit/cpp/prelude_math.h"
#include "emit/cpp/spell.h"
#include "tensor/dtype.h"

namespace smeaton::emit {

using tensor::DType;

namespace {

/// "$T" the type, "$W" lanes, "$V" vector bytes, "$B" element bytes, "$I" the mask integer, "$E"
/// all lanes as "x, x, ...", "$S" as "p[0 * stride], ...", "$L" lane numbers.
std::string fill(std::string text, DType t, int lanes) {
    std::string all, apart, numbers;
    for (int i = 0; i < lanes; ++i) {
        all += i ? ", x" : "x";
        apart += fmt::format("{}p[{} * stride]", i ? ", " : "", i);
        numbers += fmt::format("{}{}", i ? ", " : "", i);
    }
    const std::pair<const char*, std::string> by[] = {{"$T", type_name(t)},
                                                      {"$W", std::to_string(lanes)},
                                                      {"$V", std::to_string(lanes * size_of(t))},
                                                      {"$B", std::to_string(size_of(t))},
                                                      {"$I", mask_type(t)},
                                                      {"$E", all},
                                                      {"$S", apart},
                                                      {"$L", numbers}};
    for (const auto& [mark, with] : by)
        for (size_t at = text.find(mark); at != std::string::npos;
             at = text.find(mark, at + with.size()))
            text.replace(at, 2, with);
    return text;
}

struct Family {
    const char* prefix;  ///< of the helper's name; the dtype follows
    const char* text;
};

// For every dtype, any instruction set.
constexpr Family kTyped[] = {
    {"v", "typedef $T v$T __attribute__((vector_size($V)));\n"},
    {"u", "typedef $T u$T __attribute__((vector_size($V), aligned($B), may_alias));\n"},
    {"splat_", "static inline v$T splat_$T($T x) { return (v$T){$E}; }\n"},
    {"iota_", "static inline v$T iota_$T() { return (v$T){$L}; }\n"},
    {"ldn_", R"(
// The first n elements at p, zeros after them; n is a constant.
static inline v$T ldn_$T(const $T* p, int n) {
    v$T r = {};
    __builtin_memcpy(&r, p, (size_t)n * $B);
    return r;
}
)"},
    {"stn_", R"(
static inline void stn_$T($T* p, v$T v, int n) { __builtin_memcpy(p, &v, (size_t)n * $B); }
)"},
    {"ldm_", R"(
// Elements at p in the lanes of `mask`, `other` elsewhere; nothing outside the mask is read.
static inline v$T ldm_$T(const $T* p, u64 mask, v$T other) {
    for (int i = 0; i < $W; ++i)
        if (mask >> i & 1) other[i] = p[i];
    return other;
}
)"},
    {"apart_", R"(
// Elements at p, p + stride, ... in the lanes of `mask`, `other` elsewhere; no others are read.
static inline v$T apart_$T(const $T* p, i64 stride, u64 mask, v$T other) {
    if (mask == (u64)-1 >> (64 - $W)) return (v$T){$S};
    for (int i = 0; i < $W; ++i)
        if (mask >> i & 1) other[i] = p[i * stride];
    return other;
}
)"},
    {"stm_", R"(
static inline void stm_$T($T* p, v$T v, u64 mask) {
    for (int i = 0; i < $W; ++i)
        if (mask >> i & 1) p[i] = v[i];
}
)"},
    {"wide_mask_", R"(
static inline v$I wide_mask_$T(u64 mask) { return -((splat_$I(($I)mask) >> iota_$I()) & 1); }
)"},
    {"blend_", R"(
// a in the lanes of `mask`, b elsewhere.
static inline v$T blend_$T(u64 mask, v$T a, v$T b) {
    vi32 m = (splat_i32((i32)mask) >> iota_i32()) & 1;
    return __builtin_convertvector(m, v$I) != 0 ? a : b;
}
)"},
    {"truth_", R"(
static inline vb8 truth_$T(v$I m) { return __builtin_convertvector(m, vb8) & 1; }
)"},
    {"pick_", R"(
static inline v$T pick_$T(vb8 c, v$T a, v$T b) { return __builtin_convertvector(c, v$I) != 0 ? a : b; }
)"},
};

// Scalar and vector functions by generic spelling. $T any dtype.
constexpr Family kScalar[] = {
    {"max_",
     "static inline $T max_$T($T a, $T b) { return a != a ? a : (b != b ? b : (a > b ? a : b)); "
     "}\n"},
    {"min_",
     "static inline $T min_$T($T a, $T b) { return a != a ? a : (b != b ? b : (a < b ? a : b)); "
     "}\n"},
    {"max_v", R"(
static inline v$T max_v$T(v$T a, v$T b) {
    v$T m = a > b ? a : b;
    m = b != b ? b : m;
    return a != a ? a : m;
}
)"},
    {"min_v", R"(
static inline v$T min_v$T(v$T a, v$T b) {
    v$T m = a < b ? a : b;
    m = b != b ? b : m;
    return a != a ? a : m;
}
)"},
    {"relu_", "static inline $T relu_$T($T x) { return x < ($T)0 ? ($T)0 : x; }\n"},
    {"relu_v", "static inline v$T relu_v$T(v$T x) { return x < (v$T){} ? (v$T){} : x; }\n"},
    {"sign_", R"(
static inline $T sign_$T($T x) {
    return x > ($T)0 ? ($T)1 : (x < ($T)0 ? ($T)-1 : (x == ($T)0 ? ($T)0 : x));
}
)"},
    {"sign_v", R"(
static inline v$T sign_v$T(v$T x) {
    v$T y = x == (v$T){} ? (v$T){} : x;
    y = x < (v$T){} ? splat_$T(($T)-1) : y;
    return x > (v$T){} ? splat_$T(($T)1) : y;
}
)"},
    {"isnan_", "static inline b8 isnan_$T($T x) { return x != x; }\n"},
    {"isnan_v", "static inline vb8 isnan_v$T(v$T x) { return truth_$T(x != x); }\n"},
    {"isinf_", "static inline b8 isinf_$T($T x) { return __builtin_isinf(x) != 0; }\n"},
    {"isinf_v", R"(
static inline vb8 isinf_v$T(v$T x) {
    v$T inf = splat_$T(__builtin_inf());
    return truth_$T(x == inf) | truth_$T(x == -inf);
}
)"},
    {"reciprocal_", "static inline $T reciprocal_$T($T x) { return ($T)1 / x; }\n"},
    {"reciprocal_v", "static inline v$T reciprocal_v$T(v$T x) { return splat_$T(($T)1) / x; }\n"},
};

constexpr Family kInteger[] = {
    {"abs_", "static inline $T abs_$T($T x) { return x < 0 ? ($T)-x : x; }\n"},
    {"idiv_", R"(
static inline $T idiv_$T($T a, $T b) {
    if (b == 0) return 0;
    if (($T)-1 < ($T)0 && b == ($T)-1) return ($T)-a;
    return ($T)(a / b);
}
)"},
    {"fmod_", R"(
static inline $T fmod_$T($T a, $T b) {
    if (b == 0 || (($T)-1 < ($T)0 && b == ($T)-1)) return 0;
    return ($T)(a % b);
}
)"},
    {"imod_", R"(
static inline $T imod_$T($T a, $T b) {
    $T r = fmod_$T(a, b);
    return r != 0 && ((r < 0) != (b < 0)) ? ($T)(r + b) : r;
}
)"},
    {"pow_", R"(
static inline $T pow_$T($T x, $T n) {
    if (n < ($T)0) return x == 1 ? 1 : x == ($T)-1 ? (n % 2 ? ($T)-1 : ($T)1) : ($T)0;
    $T y = 1;
    for (; n > 0; n = ($T)(n / 2), x = ($T)(x * x))
        if (n % 2) y = ($T)(y * x);
    return y;
}
)"},
};

// One argument functions of the C library, f32 and f64: name and the builtin's name.
constexpr std::pair<const char*, const char*> kLibrary[] = {
    {"floor", "floor"}, {"ceil", "ceil"}, {"round", "rint"},  {"trunc", "trunc"}, {"sqrt", "sqrt"},
    {"exp", "exp"},     {"log", "log"},   {"log1p", "log1p"}, {"erf", "erf"},     {"tanh", "tanh"},
    {"sin", "sin"},     {"cos", "cos"},   {"abs", "fabs"}};

bool is_transcendental(std::string_view fn) {
    for (const char* name : {"exp", "log", "log1p", "erf", "tanh", "sigmoid", "sin", "cos", "pow"})
        if (fn == name) return true;
    return false;
}

/// Hardware spellings for f32 vectors; the empty string where there is none.
std::string hardware_f32(const std::string& name, const Isa& isa) {
    struct Row {
        const char* name;
        const char* avx512;
        const char* avx2;
        const char* sse2;
    };
    // On both compilers; the arguments are a, b or x.
    static constexpr Row rows[] = {
        {"raw_max_vf32", "SMEATON_MAX512(a, b)", "__builtin_ia32_maxps256(a, b)",
         "__builtin_ia32_maxps(a, b)"},
        {"raw_min_vf32", "SMEATON_MIN512(a, b)", "__builtin_ia32_minps256(a, b)",
         "__builtin_ia32_minps(a, b)"},
        {"sqrt_vf32", "SMEATON_SQRT512(x)", "__builtin_ia32_sqrtps256(x)",
         "__builtin_ia32_sqrtps(x)"},
        {"floor_vf32", "SMEATON_RND512(x, 9)", "__builtin_ia32_roundps256(x, 9)", ""},
        {"ceil_vf32", "SMEATON_RND512(x, 10)", "__builtin_ia32_roundps256(x, 10)", ""},
        {"round_vf32", "SMEATON_RND512(x, 8)", "__builtin_ia32_roundps256(x, 8)", ""},
        {"trunc_vf32", "SMEATON_RND512(x, 11)", "__builtin_ia32_roundps256(x, 11)", ""},
    };
    for (const Row& row : rows) {
        if (name != row.name) continue;
        std::string call = isa.vector_bytes == 64   ? row.avx512
                           : isa.vector_bytes == 32 ? row.avx2
                                                    : row.sse2;
        if (call.empty()) return "";
        bool two = name[0] == 'r' && name[1] == 'a';
        std::string head =
            fmt::format("static inline vf32 {}({}) ", name, two ? "vf32 a, vf32 b" : "vf32 x");
        std::string body = fmt::format("{{ return {}; }}\n", call);
        if (isa.vector_bytes != 16) return head + body;
        std::string generic =
            name == "sqrt_vf32"
                ? "{ for (int i = 0; i < 4; ++i) x[i] = __builtin_sqrtf(x[i]); return x; }\n"
            : name == "raw_max_vf32" ? "{ return a > b ? a : b; }\n"
                                     : "{ return a < b ? a : b; }\n";
        return "#ifdef __SSE2__\n" + head + body + "#else\n" + head + generic + "#endif\n";
    }
    if (name == "round_vf32")
        return R"(
// Adding and taking away 1.5 * 2^23 rounds to even; numbers that large are whole already.
static inline vf32 round_vf32(vf32 x) {
    vf32 big = splat_f32(12582912.0f);
    vf32 y = (x + big) - big;
    y = (vf32)(((vi32)y & 0x7fffffff) | ((vi32)x & (i32)0x80000000));
    return abs_vf32(x) < 4194304.0f ? y : x;
}
)";
    return "";
}

std::string per_lane(const std::string& fn, const std::string& type, bool two) {
    return fmt::format(
        "static inline v{1} {0}_v{1}(v{1} x{2}) {{\n"
        "    v{1} r;\n"
        "    for (int i = 0; i < kLanes; ++i) r[i] = {0}_{1}(x[i]{3});\n"
        "    return r;\n"
        "}}\n",
        fn, type, two ? fmt::format(", v{} y", type) : "", two ? ", y[i]" : "");
}

// ---- masks on AVX-512 and AVX2 ----

std::string masked_f32(std::string_view name, const Isa& isa) {
    if (isa.masks) {
        if (name == "ldn_f32")
            return "static inline vf32 ldn_f32(const f32* p, int n) { return SMEATON_LDM512(p, "
                   "(vf32){}, (1u << n) - 1); }\n";
        if (name == "stn_f32")
            return "static inline void stn_f32(f32* p, vf32 v, int n) { SMEATON_STM512(p, v, (1u "
                   "<< n) - 1); }\n";
        if (name == "ldm_f32")
            return "static inline vf32 ldm_f32(const f32* p, u64 mask, vf32 other) { return "
                   "SMEATON_LDM512(p, other, mask); }\n";
        if (name == "stm_f32")
            return "static inline void stm_f32(f32* p, vf32 v, u64 mask) { SMEATON_STM512(p, v, "
                   "mask); }\n";
        if (name == "blend_f32")
            return "static inline vf32 blend_f32(u64 mask, vf32 a, vf32 b) { return "
                   "SMEATON_BLEND512(b, a, mask); }\n";
        if (name == "gather_f32")
            return R"(
static inline vf32 gather_f32(const f32* p, i32 stride, u64 mask, vf32 other) {
    const vi32 at = (vi32){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15} * stride;
    return (vf32)__builtin_ia32_gathersiv16sf(other, p, at, (unsigned short)mask, 4);
}
)";
    }
    if (isa.vector_bytes == 32) {
        if (name == "gather_f32")
            return R"(
static inline vf32 gather_f32(const f32* p, i32 stride, u64 mask, vf32 other) {
    const vi32 at = (vi32){0, 1, 2, 3, 4, 5, 6, 7} * stride;
    const vf32 in = (vf32)wide_mask_f32(mask);
#ifdef __clang__
    return (vf32)__builtin_ia32_gatherd_ps256(other, p, at, in, 4);
#else
    return (vf32)__builtin_ia32_gathersiv8sf(other, p, at, in, 4);
#endif
}
)";
        if (name == "ldn_f32")
            return R"(
static inline vf32 ldn_f32(const f32* p, int n) {
    return __builtin_ia32_maskloadps256((const vf32*)p, wide_mask_f32((1u << n) - 1));
}
)";
        if (name == "stn_f32")
            return R"(
static inline void stn_f32(f32* p, vf32 v, int n) {
    __builtin_ia32_maskstoreps256((vf32*)p, wide_mask_f32((1u << n) - 1), v);
}
)";
        if (name == "ldm_f32")
            return R"(
static inline vf32 ldm_f32(const f32* p, u64 mask, vf32 other) {
    vi32 m = wide_mask_f32(mask);
    vf32 v = __builtin_ia32_maskloadps256((const vf32*)p, m);
    return m != 0 ? v : other;
}
)";
        if (name == "stm_f32")
            return R"(
static inline void stm_f32(f32* p, vf32 v, u64 mask) {
    __builtin_ia32_maskstoreps256((vf32*)p, wide_mask_f32(mask), v);
}
)";
    }
    return "";
}

// ---- lookup ----

std::string across_text(std::string_view fn, const std::string& type, int lanes) {
    std::string out = fmt::format("static inline {0} across_{1}_{0}(v{0} v) {{\n", type, fn);
    for (int half = lanes / 2; half >= 1; half /= 2) {
        std::string order;
        for (int i = 0; i < lanes; ++i) order += fmt::format(", {}", i < half ? i + half : i);
        std::string other = fmt::format("__builtin_shufflevector(v, v{})", order);
        const char* op = fn == "add"   ? "+"
                         : fn == "mul" ? "*"
                         : fn == "and" ? "&"
                         : fn == "or"  ? "|"
                                       : nullptr;
        out += op ? fmt::format("    v = v {} {};\n", op, other)
                  : fmt::format("    v = {}_v{}(v, {});\n", fn, type, other);
    }
    return out + "    return v[0];\n}\n";
}

/// Swaps the off-diagonal blocks of two rows: a's upper half of each 2*half lanes with b's lower
/// half.
std::string swap_text(const std::string& name, const std::string& type, int half, int lanes) {
    std::string first, second;
    for (int i = 0; i < lanes; ++i) {
        first += fmt::format(", {}", i & half ? lanes + i - half : i);
        second += fmt::format(", {}", i & half ? lanes + i : i + half);
    }
    return fmt::format(
        "static inline __attribute__((always_inline)) void {0}(v{1}& a, v{1}& b) {{\n"
        "    v{1} x = __builtin_shufflevector(a, b{2});\n"
        "    b = __builtin_shufflevector(a, b{3});\n    a = x;\n}}\n",
        name, type, first, second);
}

/// Every stride-th element from p on: as many vectors as the stride, the last one ending with the
/// last lane, so that nothing behind it is read; then the lanes of each further one beside those
/// that are there.
std::string every_text(const std::string& name, const std::string& type, int stride, int lanes) {
    const int elements = (lanes - 1) * stride + 1;
    std::string text = fmt::format(
        "static inline v{0} {1}(const {0}* p) {{\n    v{0} r = *(const u{0}*)p;\n", type, name);
    for (int part = 1; part < stride; ++part) {
        const int start = std::min(part * lanes, elements - lanes);
        std::string order;
        for (int lane = 0; lane < lanes; ++lane) {
            const int element = lane * stride, from = std::min(element / lanes, stride - 1);
            const int held = part == 1 && from == 0 ? element : lane;
            order += fmt::format(", {}", from < part    ? held
                                         : from == part ? lanes + element - start
                                                        : -1);
        }
        text += fmt::format("    r = __builtin_shufflevector(r, *(const u{}*)(p + {}){});\n", type,
                            start, order);
    }
    return text + "    return r;\n}\n";
}

/// A product that no later sum may be contracted with: polynomials and contractions want that, sums
/// of other ops do not. The empty assembly hides where the value comes from and costs nothing; a
/// value of two registers goes through as two.
std::string rounded_text(const std::string& type, bool vector, const Isa& isa) {
    if (!isa.fma)
        return fmt::format("static inline {0}{1} rounded_{0}{1}({0}{1} x) {{ return x; }}\n",
                           vector ? "v" : "", type);
    const char* registers = isa.masks ? "v" : "x";
    if (!vector || type == "f32")
        return fmt::format(
            "static inline __attribute__((always_inline)) {0}{1} rounded_{0}{1}({0}{1} x) {{\n"
            "    __asm__(\"\" : \"+{2}\"(x));\n    return x;\n}}\n",
            vector ? "v" : "", type, registers);
    std::string low, high, all;
    for (int i = 0; i < isa.lanes(); ++i) {
        (i < isa.lanes() / 2 ? low : high) += fmt::format(", {}", i);
        all += fmt::format(", {}", i);
    }
    return fmt::format(
        "static inline __attribute__((always_inline)) v{0} rounded_v{0}(v{0} x) {{\n"
        "    typedef {0} half __attribute__((vector_size({1})));\n"
        "    half low = __builtin_shufflevector(x, x{2}), high = __builtin_shufflevector(x, "
        "x{3});\n"
        "    __asm__(\"\" : \"+{4}\"(low));\n    __asm__(\"\" : \"+{4}\"(high));\n"
        "    return __builtin_shufflevector(low, high{5});\n}}\n",
        type, isa.vector_bytes, low, high, registers, all);
}

std::optional<std::string> family_snippet(std::string_view name, const Isa& isa) {
    int lanes = isa.lanes();
    auto search = [&](const auto& table, bool integers_only) -> std::optional<std::string> {
        for (const Family& family : table) {
            if (!starts(name, family.prefix)) continue;
            auto t = typed(name.substr(std::string_view(family.prefix).size()));
            if (!t || (integers_only && tensor::is_float(*t))) continue;
            return fill(family.text, *t, lanes);
        }
        return std::nullopt;
    };
    if (auto found = search(kTyped, false)) return found;
    if (auto found = search(kInteger, true)) return found;
    return search(kScalar, false);
}

std::optional<std::string> function_snippet(const std::string& name) {
    size_t cut = name.rfind('_');
    if (cut == std::string::npos) return std::nullopt;
    std::string fn = name.substr(0, cut), type = name.substr(cut + 1);
    bool vector = !type.empty() && type[0] == 'v';
    if (vector) type = type.substr(1);
    auto t = typed(type);
    if (!t) return std::nullopt;
    bool single = *t == DType::kF32;
    if (vector) {
        // Raw extrema, roundings without hardware, f64 and integers go lane by lane.
        bool two = fn == "pow" || fn == "fmod" || fn == "idiv" || fn == "imod";
        bool known = two || fn == "sigmoid";
        for (const auto& [n, builtin] : kLibrary) known = known || fn == n;
        if (fn == "abs" && tensor::is_float(*t))
            return fmt::format(
                "static inline v{0} abs_v{0}(v{0} x) {{ return (v{0})((v{1})x & (({1})(~0ULL >> "
                "{2}))); }}\n",
                type, mask_type(*t), 65 - tensor::bits(*t));
        if (!known) return std::nullopt;
        return per_lane(fn, type, two);
    }
    if (!tensor::is_float(*t)) return std::nullopt;
    if (starts(fn, "raw_"))
        return fmt::format("static inline f32 {}_f32(f32 a, f32 b) {{ return a {} b ? a : b; }}\n",
                           fn, fn == "raw_max" ? '>' : '<');
    // A lone f32 goes through the vector's polynomial, so that one function has one value.
    if (single && is_transcendental(fn))
        return fn == "pow" ? std::string(
                                 "static inline f32 pow_f32(f32 x, f32 y) { return "
                                 "pow_vf32(splat_f32(x), splat_f32(y))[0]; }\n")
                           : fmt::format(
                                 "static inline f32 {0}_f32(f32 x) {{ return "
                                 "{0}_vf32(splat_f32(x))[0]; }}\n",
                                 fn);
    const char* suffix = single ? "f" : "";
    if (fn == "pow" || fn == "fmod")
        return fmt::format(
            "static inline {0} {1}_{0}({0} x, {0} y) {{ return __builtin_{1}{2}(x, y); }}\n", type,
            fn, suffix);
    if (fn == "sigmoid")
        return R"(
static inline f64 sigmoid_f64(f64 x) {
    f64 z = __builtin_exp(-__builtin_fabs(x));
    return (x < 0 ? z : 1.0) / (1.0 + z);
}
)";
    for (const auto& [n, builtin] : kLibrary)
        if (fn == n)
            return fmt::format(
                "static inline {0} {1}_{0}({0} x) {{ return __builtin_{2}{3}(x); }}\n", type, fn,
                builtin, suffix);
    return std::nullopt;
}

std::optional<std::string> snippet(const std::string& name, const Isa& isa) {
    if (name == "any_b8")
        return "static inline bool any_b8(vb8 v) { return across_max_b8(v) != 0; }\n";
    if (name == "lanes_within")
        return R"(
// Lanes i with lo <= at + i * step < hi: a stretch of them, whatever the step.
static inline u64 lanes_within(i64 at, i64 step, i64 lo, i64 hi) {
    if (step < 0) {
        const i64 low = 1 - hi;
        hi = 1 - lo;
        lo = low;
        at = -at;
        step = -step;
    }
    const i64 end = kLanes * step;
    i64 from = lo - at, to = hi - at;
    from = from < 0 ? 0 : from > end ? end : from;
    to = to < from ? from : to > end ? end : to;
    from = (i64)((u64)(from + step - 1) / (u64)step);
    to = (i64)((u64)(to + step - 1) / (u64)step);
    return ((1ULL << to) - 1) & ~((1ULL << from) - 1);
}
)";
    if (name == "merge_sort")
        return R"(
// Stable; NaN is the greatest. `s` and `t` hold n elements for the merging; no payload: p and t are
// null.
template <class K, class P, bool descending>
static void merge_sort(K* k, P* p, K* s, P* t, i64 n) {
    for (i64 width = 1; width < n; width *= 2) {
        for (i64 lo = 0; lo < n; lo += 2 * width) {
            i64 mid = lo + width < n ? lo + width : n, hi = mid + width < n ? mid + width : n;
            for (i64 i = lo, j = mid, o = lo; o < hi; ++o) {
                // The right one goes first only where it is strictly before the left one.
                bool right = i == mid;
                if (!right && j < hi)
                    right = descending ? (k[j] > k[i] || (k[j] != k[j] && k[i] == k[i]))
                                       : (k[j] < k[i] || (k[i] != k[i] && k[j] == k[j]));
                i64 from = right ? j++ : i++;
                s[o] = k[from];
                if (p) t[o] = p[from];
            }
        }
        for (i64 i = 0; i < n; ++i) {
            k[i] = s[i];
            if (p) p[i] = t[i];
        }
    }
}
)";
    if (starts(name, "rounded_")) {
        bool vector = starts(name, "rounded_v");
        if (auto t = typed(name.substr(vector ? 9 : 8)))
            return rounded_text(type_name(*t), vector, isa);
    }
    if (starts(name, "swap")) {
        size_t cut = name.rfind('_');
        auto t = typed(name.substr(cut + 1));
        int half = std::atoi(name.c_str() + 4);
        if (t && half > 0) return swap_text(name, type_name(*t), half, isa.lanes());
    }
    if (starts(name, "every")) {
        const size_t cut = name.rfind('_');
        const auto t = typed(name.substr(cut + 1));
        const int stride = std::atoi(name.c_str() + 5);
        if (t && stride > 1) return every_text(name, type_name(*t), stride, isa.lanes());
    }
    if (name == "floor_div")
        return "static inline i64 floor_div(i64 a, i64 b) { return a >= 0 ? a / b : -((-a + b - 1) "
               "/ b); }\n";
    if (name == "floor_mod")
        return "static inline i64 floor_mod(i64 a, i64 b) { i64 r = a % b; return r < 0 ? r + b : "
               "r; }\n";
    if (std::string text = hardware_f32(name, isa); !text.empty()) return text;
    if (std::string text = masked_f32(name, isa); !text.empty()) return text;
    if (name == "max_vf32" || name == "min_vf32")
        return fmt::format(
            "static inline vf32 {0}(vf32 a, vf32 b) {{ return a != a ? a : raw_{0}(a, b); }}\n",
            name);
    if (starts(name, "across_")) {
        size_t cut = name.rfind('_');
        if (auto t = typed(name.substr(cut + 1)))
            return across_text(name.substr(7, cut - 7), type_name(*t), isa.lanes());
    }
    if (auto text = math_snippet(name, isa)) return text;
    if (auto text = cast_snippet(name, isa)) return text;
    if (auto text = family_snippet(name, isa)) return text;
    return function_snippet(name);
}

constexpr const char* kTypes =
    R"(typedef signed char i8; typedef short i16; typedef int i32; typedef long long i64;
typedef unsigned char u8; typedef unsigned short u16; typedef unsigned int u32; typedef unsigned long long u64;
typedef unsigned char b8; typedef unsigned short f16; typedef unsigned short bf16; typedef float f32; typedef double f64;
typedef __SIZE_TYPE__ size_t;
)";

// The compilers' builtins differ in spelling.
constexpr const char* kAvx512 = R"(#ifdef __clang__
#define SMEATON_MAX512(a, b) __builtin_ia32_maxps512(a, b, 4)
#define SMEATON_MIN512(a, b) __builtin_ia32_minps512(a, b, 4)
#define SMEATON_SQRT512(x) __builtin_ia32_sqrtps512(x, 4)
#define SMEATON_BLEND512(b, a, m) ((vf32)__builtin_ia32_selectps_512((unsigned short)(m), a, b))
#define SMEATON_LDM512(p, o, m) ((vf32)__builtin_ia32_loadups512_mask(p, o, (unsigned short)(m)))
#define SMEATON_STM512(p, v, m) __builtin_ia32_storeups512_mask(p, v, (unsigned short)(m))
#else
#define SMEATON_MAX512(a, b) __builtin_ia32_maxps512_mask(a, b, (vf32){}, (unsigned short)-1, 4)
#define SMEATON_MIN512(a, b) __builtin_ia32_minps512_mask(a, b, (vf32){}, (unsigned short)-1, 4)
#define SMEATON_SQRT512(x) __builtin_ia32_sqrtps512_mask(x, (vf32){}, (unsigned short)-1, 4)
#define SMEATON_BLEND512(b, a, m) ((vf32)__builtin_ia32_blendmps_512_mask(b, a, (unsigned short)(m)))
#define SMEATON_LDM512(p, o, m) ((vf32)__builtin_ia32_loadups512_mask(p, o, (unsigned short)(m)))
#define SMEATON_STM512(p, v, m) __builtin_ia32_storeups512_mask(p, v, (unsigned short)(m))
#endif
#define SMEATON_RND512(x, mode) ((vf32)__builtin_ia32_rndscaleps_mask(x, mode, (vf32){}, (unsigned short)-1, 4))
#define SMEATON_SCALEF(p, n) ((vf32)__builtin_ia32_scalefps512_mask(p, n, (vf32){}, (unsigned short)-1, 4))
#define SMEATON_FROM_HALF512(x) ((vf32)__builtin_ia32_vcvtph2ps512_mask((vi16)(x), (vf32){}, (unsigned short)-1, 4))
#define SMEATON_TO_HALF512(x) ((vi16)__builtin_ia32_vcvtps2ph512_mask(x, 0, (vi16){}, (unsigned short)-1))
)";

struct Collector {
    const Isa& isa;
    std::set<std::string> seen;
    std::string out;

    void visit(const std::string& text) {
        for (size_t i = 0; i < text.size();) {
            auto in_word = [&](char c) {
                return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
            };
            if (text[i] == '/' && i + 1 < text.size() && text[i + 1] == '/') {
                while (i < text.size() && text[i] != '\n') ++i;
                continue;
            }
            if (!in_word(text[i])) {
                ++i;
                continue;
            }
            size_t end = i;
            while (end < text.size() && in_word(text[end])) ++end;
            std::string word = text.substr(i, end - i);
            i = end;
            if (!seen.insert(word).second) continue;
            if (word == "SMEATON_FROM_HALF512" || word == "SMEATON_TO_HALF512") visit("vi16 vf32");
            if (auto found = snippet(word, isa)) {
                visit(*found);
                out += *found;
            }
        }
    }
};

}  // namespace

std::string prelude_for(const std::string& code, const Isa& isa) {
    Collector collector{isa, {}, {}};
    collector.visit(code);
    std::string text = kTypes;
    text += fmt::format("enum {{ kLanes = {} }};\n", isa.lanes());
    if (isa.masks) text += kAvx512;
    return text + collector.out;
}

}  // namespace smeaton::emit
