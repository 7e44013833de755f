#include "emit/cpp/prelude_cast.h"

#include "base/error.h"
#include "emit/cpp/spell.h"

namespace smeaton::emit {

using tensor::DType;

std::optional<DType> typed(std::string_view text) {
    if (text == "b8") return DType::kBool;
    auto t = tensor::dtype_named(text);
    if (t == DType::kBool) return std::nullopt;
    return t;
}

bool starts(std::string_view text, std::string_view prefix) {
    return text.substr(0, prefix.size()) == prefix;
}

namespace {

bool is_half(DType t) {
    return t == DType::kF16 || t == DType::kBF16;
}

std::string half_casts(const std::string& name, const Isa& isa) {
    bool f16c = isa.vector_bytes >= 32;
    if (name == "cast_bf16_f32")
        return "static inline f32 cast_bf16_f32(bf16 x) { u32 b = (u32)x << 16; f32 y; "
               "__builtin_memcpy(&y, &b, 4); return y; }\n";
    if (name == "cast_vbf16_f32")
        return "static inline vf32 cast_vbf16_f32(vbf16 x) { return "
               "(vf32)(__builtin_convertvector(x, vu32) << 16); }\n";
    if (name == "cast_f32_bf16")
        return R"(
static inline bf16 cast_f32_bf16(f32 x) {
    u32 b;
    __builtin_memcpy(&b, &x, 4);
    if (x != x) return (bf16)((b >> 16) | 0x40);
    return (bf16)((b + 0x7fff + (b >> 16 & 1)) >> 16);
}
)";
    if (name == "cast_vf32_bf16")
        return R"(
static inline vbf16 cast_vf32_bf16(vf32 x) {
    vu32 b = (vu32)x;
    vu32 r = (b + 0x7fff + (b >> 16 & 1)) >> 16;
    r = x != x ? (b >> 16) | 0x40 : r;
    return __builtin_convertvector(r, vbf16);
}
)";
    if (name == "cast_f16_f32")
        return R"(
static inline f32 cast_f16_f32(f16 h) {
    u32 sign = (u32)(h & 0x8000) << 16, e = h >> 10 & 31, m = h & 1023, b;
    if (e == 31) b = sign | 0x7f800000 | m << 13;
    else if (e) b = sign | (e + 112) << 23 | m << 13;
    else {
        f32 y = (f32)m * 5.9604644775390625e-08f;
        return sign ? -y : y;
    }
    f32 y;
    __builtin_memcpy(&y, &b, 4);
    return y;
}
)";
    if (name == "cast_f32_f16")
        return R"(
static inline f16 cast_f32_f16(f32 x) {
    u32 b;
    __builtin_memcpy(&b, &x, 4);
    u32 sign = b >> 16 & 0x8000, a = b & 0x7fffffff;
    if (a > 0x7f800000) return (f16)(sign | 0x7e00 | (a >> 13 & 1023));
    if (a >= 0x477ff000) return (f16)(sign | 0x7c00);
    if (a < 0x38800000) {
        // Below the least normal half: adding 0.5 leaves the rounded bits at the bottom.
        f32 y;
        __builtin_memcpy(&y, &a, 4);
        y += 0.5f;
        u32 r;
        __builtin_memcpy(&r, &y, 4);
        return (f16)(sign | (r - 0x3f000000));
    }
    return (f16)(sign | ((a + 0xfff + (a >> 13 & 1) - 0x38000000) >> 13));
}
)";
    if (f16c && name == "cast_vf16_f32")
        return isa.masks ? "static inline vf32 cast_vf16_f32(vf16 x) { return "
                           "SMEATON_FROM_HALF512(x); }\n"
                         : "static inline vf32 cast_vf16_f32(vf16 x) { return "
                           "__builtin_ia32_vcvtph2ps256((vi16)x); }\n";
    if (f16c && name == "cast_vf32_f16")
        return isa.masks ? "static inline vf16 cast_vf32_f16(vf32 x) { return "
                           "(vf16)SMEATON_TO_HALF512(x); }\n"
                         : "static inline vf16 cast_vf32_f16(vf32 x) { return "
                           "(vf16)__builtin_ia32_vcvtps2ph256(x, 0); }\n";
    return "";
}

std::string scalar_cast(DType from, DType to) {
    std::string a = type_name(from), b = type_name(to),
                head = fmt::format("static inline {1} cast_{0}_{1}({0} x) ", a, b);
    if (is_half(from))
        return fmt::format("{}{{ return cast_f32_{}(cast_{}_f32(x)); }}\n", head, b, a);
    if (is_half(to)) return fmt::format("{}{{ return cast_f32_{}((f32)x); }}\n", head, b);
    if (to == DType::kBool) return head + "{ return x != 0; }\n";
    if (!tensor::is_float(from) || tensor::is_float(to))
        return fmt::format("{}{{ return ({})x; }}\n", head, b);
    // C leaves numbers out of range open, so they are told apart: gir/scalar/evaluate.h has the
    // rule.
    if (to == DType::kI32)
        return head + fmt::format("{{ return x {} && x < 0x1p31f ? (i32)x : (i32)0x80000000; }}\n",
                                  from == DType::kF32 ? ">= -0x1p31f" : "> -2147483649.0");
    if (to == DType::kI64)
        return head + fmt::format(
                          "{{ return x >= ({0})-0x1p63 && x < ({0})0x1p63 ? (i64)x : "
                          "(i64)(1ULL << 63); }}\n",
                          a);
    if (to == DType::kU64)
        return head + fmt::format(
                          "{{\n    if (x >= ({0})0x1p63) return x < ({0})0x1p64 ? (u64)x : 0;\n"
                          "    return x >= ({0})-0x1p63 ? (u64)(i64)x : 1ULL << 63;\n}}\n",
                          a);
    return head + fmt::format("{{ return ({})cast_{}_{}(x); }}\n", b, a,
                              to == DType::kU32 ? "i64" : "i32");
}

std::string vector_cast(DType from, DType to) {
    std::string a = type_name(from), b = type_name(to);
    std::string head = fmt::format("static inline v{1} cast_v{0}_{1}(v{0} x) ", a, b);
    std::string lanes = fmt::format(
        "{0}{{\n    v{1} r;\n    for (int i = 0; i < kLanes; ++i) r[i] = cast_{2}_{1}(x[i]);\n    "
        "return r;\n}}\n",
        head, b, a);
    if (is_half(from) && to == DType::kF32) return lanes;
    if (is_half(to) && from == DType::kF32) return lanes;
    if (is_half(from))
        return fmt::format("{}{{ return cast_vf32_{}(cast_v{}_f32(x)); }}\n", head, b, a);
    if (is_half(to))
        return fmt::format("{}{{ return cast_vf32_{}(__builtin_convertvector(x, vf32)); }}\n", head,
                           b);
    if (to == DType::kBool)
        return fmt::format("{}{{ return truth_{}(x != (v{}){{}}); }}\n", head, a, a);
    if (!tensor::is_float(from) || tensor::is_float(to))
        return fmt::format("{}{{ return __builtin_convertvector(x, v{}); }}\n", head, b);
    if (from == DType::kF32 && to == DType::kI32)
        return head +
               "{ return (x >= -0x1p31f) & (x < 0x1p31f) ? __builtin_convertvector(x, vi32) : "
               "splat_i32((i32)0x80000000); }\n";
    if (from == DType::kF32 && tensor::bits(to) <= 16)
        return fmt::format("{}{{ return __builtin_convertvector(cast_vf32_i32(x), v{}); }}\n", head,
                           b);
    return lanes;
}

}  // namespace

std::optional<std::string> cast_snippet(const std::string& name, const Isa& isa) {
    if (!starts(name, "cast_")) return std::nullopt;
    if (std::string half = half_casts(name, isa); !half.empty()) return half;
    size_t cut = name.rfind('_');
    std::string from = name.substr(5, cut - 5);
    bool vector = !from.empty() && from[0] == 'v';
    auto a = typed(vector ? from.substr(1) : from), b = typed(name.substr(cut + 1));
    if (!a || !b) return std::nullopt;
    return vector ? vector_cast(*a, *b) : scalar_cast(*a, *b);
}

}  // namespace smeaton::emit
