#include "sim/simdit/tile.h"

#include <algorithm>

#include "base/error.h"

namespace smeaton::sim::simdit {

Sizes padded_for_array(const Sizes& s, const Hardware& h) {
    Sizes p = s;
    p.ic = round_up(s.ic, h.rows);
    p.oc = round_up(s.oc, h.columns);
    return p;
}

Sizes padded_for_lanes(const Sizes& s, const Hardware& h) {
    Sizes p = s;
    p.oc = round_up(s.oc, h.lanes());
    return p;
}

namespace {

/// The first `fits(size / i)` for i = 1, 2, ...; only whole quotients, or all of them rounded up.
template <class Fits>
int64_t first_quotient(int64_t size, bool rounded_up, Fits&& fits) {
    for (int64_t i = 1; i < size; ++i) {
        if (!rounded_up && size % i != 0) continue;
        if (int64_t q = ceil_div(size, i); fits(q)) return q;
    }
    return 1;
}

/// As first_quotient for two sizes with the same i: height and width of an image.
template <class Fits>
void first_image(int64_t height, int64_t width, bool rounded_up, int64_t& tile_h, int64_t& tile_w,
                 Fits&& fits) {
    for (int64_t i = 1; i < std::max(height, width); ++i) {
        if (!rounded_up && (height % i != 0 || width % i != 0)) continue;
        tile_h = ceil_div(height, i), tile_w = ceil_div(width, i);
        if (fits()) return;
    }
    tile_h = tile_w = 1;
}

/// The largest multiple of `step` up to `most` and `limit`; one step at least.
int64_t largest_multiple(int64_t step, int64_t most, int64_t limit) {
    return std::max(step, std::min(most, limit) / step * step);
}

}  // namespace

ArrayTile array_tile(const Sizes& s, const Hardware& h) {
    const int64_t weights = h.wbuf_bits / 2, inputs = h.ibuf_bits / 2, biases = h.bbuf_bits / 2;
    const int64_t sums = h.obuf_bits;
    ArrayTile t;
    for (int64_t i = 1;; ++i) {
        t.kh = t.kw = ceil_div(s.kh, i);
        const int64_t window = t.kh * t.kw;
        if (window * h.rows * h.columns * h.weight_bits <= weights &&
            window * h.rows * h.input_bits <= inputs)
            break;
        SMEATON_CHECK(t.kh > 1, "verify() lets a kernel of 3x3 fit");
    }
    const int64_t window = t.kh * t.kw;
    t.ic = largest_multiple(
        h.rows, s.ic,
        std::min(weights / (window * h.columns * h.weight_bits), inputs / (window * h.input_bits)));
    auto fits = [&] {
        t.ih = (t.oh - 1) * s.stride + t.kh, t.iw = (t.ow - 1) * s.stride + t.kw;
        return t.n * t.oh * t.ow * h.columns * h.sum_bits <= sums &&
               t.n * t.ih * t.iw * t.ic * h.input_bits <= inputs;
    };
    first_image(s.oh, s.ow, s.kh > 3, t.oh, t.ow, fits);
    t.n = first_quotient(s.n, false, [&](int64_t n) {
        t.n = n;
        return fits();
    });
    fits();
    t.oc =
        largest_multiple(h.columns, s.oc,
                         std::min({weights / (window * t.ic * h.weight_bits),
                                   sums / (t.oh * t.ow * t.n * h.sum_bits), biases / h.bias_bits}));
    return t;
}

int64_t window_elements(const VectorTile& t, const Sizes& s) {
    return t.n * t.c * ((t.h - 1) * s.stride + s.kh) * ((t.w - 1) * s.stride + s.kw);
}

namespace {

/// Bits of vector memory that a tile takes where it must fit one of the two.
int64_t bits_of(Kind kind, const VectorTile& t, const Sizes& s) {
    switch (kind) {
        case Kind::kMaxPool:
        case Kind::kAveragePool:
        case Kind::kAveragePoolGrad:
            return 32 * window_elements(t, s);
        case Kind::kMaxPoolGrad:
            return 32 * (window_elements(t, s) + t.elements());
        case Kind::kBatchNormGrad:
            return 32 * t.elements() + 96 * t.c;
        default:
            return 32 * t.elements();
    }
}

}  // namespace

VectorTile vector_tile(Kind kind, const Sizes& s, const Hardware& h) {
    const int64_t memory = h.vmem_bits, lanes = h.lanes();
    const int64_t limit = kind == Kind::kMeanInvStd ? memory - 32 * lanes : memory;
    VectorTile t;
    t.c = lanes;
    auto fits = [&] {
        if (bits_of(kind, t, s) > limit) return false;
        if (kind == Kind::kMeanInvStd) return 32 * t.c <= memory / 2;
        if (kind == Kind::kBatchNorm) return 32 * t.c <= memory / 4;
        return true;
    };
    auto grow_channels = [&] {
        for (t.c = s.oc; t.c > lanes && !fits();) t.c -= lanes;
    };
    auto grow_batch = [&] {
        t.n = first_quotient(s.n, false, [&](int64_t n) {
            t.n = n;
            return fits();
        });
    };
    first_image(s.oh, s.ow, false, t.h, t.w, fits);
    const bool statistics =
        kind == Kind::kMeanInvStd || kind == Kind::kBatchNorm || kind == Kind::kBatchNormGrad;
    if (statistics) {
        grow_batch();
        grow_channels();
    } else {
        grow_channels();
        grow_batch();
    }
    if (!fits())
        throw UserError(
            "its smallest tile ({} channels, {}x{} window) takes {} bits of vector memory, "
            "'SIMD_VMEM_CAPACITY_BITS' is {}",
            t.c, s.kh, s.kw, bits_of(kind, t, s) + (memory - limit), memory);
    return t;
}

}  // namespace smeaton::sim::simdit
