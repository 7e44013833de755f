#include "driver/place/memory_formula.h"

#include <fmt/core.h>

namespace smeaton::driver {

namespace {

struct Widths {
    double tokens, sequence, h, heads, queries, keys, inner, share, bytes;
};

Widths widths_of(const model::hf::Facts& f, const FormulaSizes& sizes) {
    const auto real = [](int64_t v) { return static_cast<double>(v); };
    return {real(sizes.microbatch) * real(sizes.sequence),
            real(sizes.sequence),
            real(f.width),
            real(f.heads),
            real(f.heads * f.head_dim),
            real(f.kv_heads * f.head_dim),
            real(f.feed_forward),
            real(sizes.t),
            sizes.element_bytes};
}

}  // namespace

double activation_formula_bytes(const model::hf::Facts& facts, const FormulaSizes& sizes) {
    const Widths w = widths_of(facts, sizes);
    // Whole on each device: what norms read and give. Split: q and what the projection behind the
    // core reads, k and v, what stands between the products inside, the weights of attention.
    const double whole = 4 * w.h;
    const double split = 2 * w.queries + 2 * w.keys + (facts.gated ? 4 : 2) * w.inner;
    const double scores = w.heads * w.sequence;
    return w.tokens * w.bytes * (whole + (split + scores) / w.share) +
           dropout_formula_bytes(facts, sizes);
}

double dropout_formula_bytes(const model::hf::Facts& facts, const FormulaSizes& sizes) {
    const Widths w = widths_of(facts, sizes);
    return w.tokens * (2 * w.h + (1 + w.bytes) * w.heads * w.sequence / w.share);
}

double input_formula_bytes(const model::hf::Facts& facts, const FormulaSizes& sizes) {
    const Widths w = widths_of(facts, sizes);
    return w.bytes * w.tokens * w.h;
}

std::string why_no_formula(const model::hf::Facts& f, int repeated) {
    if (f.width <= 0 || f.heads <= 0 || f.feed_forward <= 0)
        return fmt::format("{} has no width, heads or feed-forward", f.model_type);
    if (f.experts > 0) return "layers with experts keep what their router decides";
    if (f.layers != repeated) return fmt::format("of {} layers {} are alike", f.layers, repeated);
    if (f.decoder && f.kv_elements_per_token != 2 * f.layers * f.kv_heads * f.head_dim)
        return "its keys and values are no plain heads";
    return "";
}

}  // namespace smeaton::driver
