// Gradients of convolutions. That of the input is a transposed convolution, which lowers by phase;
// that of the weight is a convolution of the input with the result's gradient in the weight's
// place, batch and channels changing roles: one contraction over batch and positions.
#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "model/grad/rule.h"
#include "model/shape/window.h"

namespace smeaton::model {

namespace {

Sizes pads_of(const Window& w) {
    Sizes pads = w.pads_begin;
    pads.insert(pads.end(), w.pads_end.begin(), w.pads_end.end());
    return pads;
}

/// Parts that a sum over `batch` images is split into: a number by the shape alone, so that sums
/// are the same for any number of threads. Partial sums lie in memory of their own, channels
/// innermost, however the weight that they end in lies.
int64_t parts_of(int64_t batch) {
    for (int64_t parts : {2, 3})
        if (batch % parts == 0) return parts;
    return 1;
}

/// x [parts * n, groups * each, s...] as [groups, parts, each, n, s...], or with `each` in front of
/// all; `joined` is the shape that it gets.
Expr by_channels(Expr x, int64_t groups, int64_t parts, bool each_in_front, Sizes joined) {
    const Sizes own = x.shape();
    Sizes split = {parts, own[0] / parts, groups, own[1] / groups};
    std::vector<int64_t> perm = each_in_front ? Sizes{3, 2, 0, 1} : Sizes{2, 0, 3, 1};
    for (size_t d = 2; d < own.size(); ++d) {
        split.push_back(own[d]);
        joined.push_back(own[d]);
        perm.push_back(static_cast<int64_t>(d) + 2);
    }
    return reshape(transpose(reshape(x, split), perm), joined);
}

/// Pads that make the turned convolution's result as large as the kernel.
Sizes turned_pads(Expr big, Expr small, const Window& w) {
    Window turned;
    turned.pads_begin = w.pads_begin;
    for (size_t d = 0; d < w.kernel.size(); ++d) {
        const int64_t reach = (small.shape()[d + 2] - 1) * w.strides[d] + 1;
        const int64_t wanted = reach + (w.kernel[d] - 1) * w.dilations[d];
        turned.pads_end.push_back(wanted - big.shape()[d + 2] - w.pads_begin[d]);
    }
    return pads_of(turned);
}

/// What one element of the kernel meets: the part of the image that it reads, and the results of
/// it.
struct Tap {
    Expr image, result;
    bool outside = false;
};

Tap tap_at(Expr big, Expr small, const Window& w, int64_t tap) {
    Tap t{big, small};
    for (size_t d = w.kernel.size(); d-- > 0; tap /= w.kernel[d]) {
        const auto axis = static_cast<int64_t>(d) + 2;
        const int64_t extent = big.shape()[d + 2], results = small.shape()[d + 2];
        const int64_t stride = w.strides[d];
        const int64_t from = tap % w.kernel[d] * w.dilations[d] - w.pads_begin[d];
        const int64_t first = from < 0 ? (-from + stride - 1) / stride : 0;
        const int64_t behind =
            from < extent ? std::min(results, (extent - 1 - from) / stride + 1) : 0;
        const int64_t count = behind - first;
        if (count <= 0) {
            t.outside = true;
            return t;
        }
        if (count != extent || stride != 1)
            t.image = slice(t.image, axis, first * stride + from, count, stride);
        if (count != results) t.result = slice(t.result, axis, first, count);
    }
    return t;
}

/// Of one filter for each channel: for each tap a sum of products over batch and positions,
/// channels side by side, and no copy of anything.
Expr depthwise_weight_gradient(Expr big, Expr small, const Window& w, const Sizes& shape) {
    std::vector<int64_t> axes = axes_between(1, big.rank());
    axes[0] = 0;
    std::vector<Expr> sums;
    for (int64_t tap = 0; tap < count_of(w.kernel); ++tap) {
        const Tap t = tap_at(big, small, w, tap);
        const Sizes column = {shape[0], 1};
        sums.push_back(t.outside ? big.composer->filled(0, big.dtype(), column)
                                 : reshape(sum(t.image * t.result, axes, false), column));
    }
    return reshape(sums.size() == 1 ? sums[0] : concat(sums, 1), shape);
}

/// w'[m, c, r] = sum over n, o of small[n, m, o] * big[n, c', o * stride + r * dilation - pad],
/// where `big` has the channels of m's group: [m, c, r...] of `shape`. A convolution whose groups
/// are those of channels and the `parts` of the batch.
Expr weight_gradient(Expr big, Expr small, const Window& w, int64_t groups, const Sizes& shape,
                     int64_t parts) {
    constexpr int64_t kFewTaps = 9;  // a kernel of its own for each
    const bool depthwise = groups > 1 && shape[0] == groups && shape[1] == 1;
    if (depthwise && count_of(w.kernel) <= kFewTaps)
        return depthwise_weight_gradient(big, small, w, shape);
    const int64_t images = big.shape()[0] / parts;
    const int64_t filters = shape[0], channels = shape[1];
    const Expr image = by_channels(big, groups, parts, true, {channels, groups * parts * images});
    const Expr taps = by_channels(small, groups, parts, false, {parts * filters, images});
    Sizes partial = {channels, parts * filters},
          split = {channels, groups, parts, filters / groups};
    for (int64_t k : w.kernel) {
        partial.push_back(k);
        split.push_back(k);
    }
    const Attributes attributes = {{"dilations", w.strides},
                                   {"strides", w.dilations},
                                   {"group", groups * parts},
                                   {"pads", turned_pads(big, small, w)}};
    const Expr sums =
        big.composer->node(OpType::kConv, {image, taps}, attributes, big.dtype(), partial);
    Sizes turned = shape;
    std::swap(turned[0], turned[1]);
    std::vector<int64_t> swap = axes_between(0, static_cast<int64_t>(shape.size()));
    std::swap(swap[0], swap[1]);
    return transpose(reshape(sum(reshape(sums, split), {2}, false), turned), swap);
}

void bias_gradient(Pullback& p) {
    if (!p.wants(2)) return;
    std::vector<int64_t> axes = axes_between(1, p.grad().rank());
    axes[0] = 0;
    p.give(2, sum(p.grad(), axes, false));
}

/// No position, no image, no channel: every sum is empty.
bool empty(Pullback& p) {
    if (count_of(p.in_shape(0)) != 0 && count_of(p.grad().shape()) != 0) return false;
    for (size_t k = 0; k < 2; ++k)
        if (p.wants(k)) p.give(k, p.composer().filled(0, p.in(k).dtype(), p.in_shape(k)));
    return true;
}

Expr input_gradient(Pullback& p, const Window& w, int64_t groups) {
    Sizes missed;  // elements at the end that no window reaches
    for (size_t d = 0; d < w.kernel.size(); ++d) {
        const int64_t padded = p.in_shape(0)[d + 2] + w.pads_begin[d] + w.pads_end[d];
        const int64_t reach = (w.kernel[d] - 1) * w.dilations[d] + 1;
        missed.push_back(padded - reach - (p.grad().shape()[d + 2] - 1) * w.strides[d]);
    }
    const Attributes attributes = {{"dilations", w.dilations},
                                   {"strides", w.strides},
                                   {"group", groups},
                                   {"pads", pads_of(w)},
                                   {"output_padding", missed}};
    return p.composer().node(OpType::kConvTranspose, {p.grad(), p.in(1)}, attributes,
                             p.grad().dtype(), p.in_shape(0));
}

/// g with stride - 1 zeros behind each position but the last, behind which `behind` stand.
Expr with_gaps(Expr g, const Sizes& strides, const Sizes& behind) {
    // Channels last, so that what is next to each other stays so.
    const Sizes own = g.shape();
    std::vector<int64_t> last = {0}, back = {0, g.rank() - 1};
    Sizes apart = {own[0]}, added = {0}, joined = apart;
    for (size_t d = 0; d < strides.size(); ++d) {
        last.push_back(static_cast<int64_t>(d) + 2);
        back.push_back(static_cast<int64_t>(d) + 1);
        apart.insert(apart.end(), {own[d + 2], 1});
        added.insert(added.end(), {0, strides[d] - 1});
        joined.push_back(own[d + 2] * strides[d]);
    }
    last.push_back(1);
    apart.push_back(own[1]);
    added.push_back(0);
    joined.push_back(own[1]);
    const Expr turned = reshape(transpose(g, last), apart);
    Expr spread = reshape(pad(turned, Sizes(added.size(), 0), added), joined);
    for (size_t d = 0; d < strides.size(); ++d) {
        const int64_t wanted = (own[d + 2] - 1) * strides[d] + 1 + behind[d];
        if (wanted != joined[d + 1]) spread = slice(spread, static_cast<int64_t>(d) + 1, 0, wanted);
    }
    return transpose(spread, back);
}

/// As with_gaps() has it: windows that move by one, over zeros as over all else. Where they step
/// over the image's end, the weight's gradient gets elements that nobody wants; they are cut off.
void conv_over_gaps(Pullback& p, const Window& w, int64_t groups) {
    Window dense = w;
    dense.strides.assign(w.strides.size(), 1);
    Sizes missed, none(w.strides.size(), 0);  // positions at the end that no window reaches
    for (size_t d = 0; d < w.kernel.size(); ++d) {
        const int64_t padded = p.in_shape(0)[d + 2] + w.pads_begin[d] + w.pads_end[d];
        const int64_t reach = (w.kernel[d] - 1) * w.dilations[d] + 1;
        missed.push_back(padded - reach - (p.grad().shape()[d + 2] - 1) * w.strides[d]);
    }
    if (p.wants(0)) {
        const Attributes attributes = {{"dilations", w.dilations},
                                       {"strides", dense.strides},
                                       {"group", groups},
                                       {"pads", pads_of(w)}};
        p.give(0, p.composer().node(OpType::kConvTranspose,
                                    {with_gaps(p.grad(), w.strides, missed), p.in(1)}, attributes,
                                    p.grad().dtype(), p.in_shape(0)));
    }
    if (!p.wants(1)) return;
    Sizes shape = p.in_shape(1);
    for (size_t d = 0; d < w.kernel.size(); ++d)
        if (w.dilations[d] == 1) shape[d + 2] = dense.kernel[d] = w.kernel[d] + missed[d];
    Expr all =
        weight_gradient(p.in(0), with_gaps(p.grad(), w.strides, none), dense, groups, shape, 1);
    for (size_t d = 0; d < w.kernel.size(); ++d)
        if (shape[d + 2] != w.kernel[d])
            all = slice(all, static_cast<int64_t>(d) + 2, 0, w.kernel[d]);
    p.give(1, all);
}

// The gradient of the input comes first: then nobody reads the weight any more and it may change.
void conv(Pullback& p) {
    bias_gradient(p);
    if (empty(p)) return;
    const Window w = conv_window(p.view());
    const int64_t groups = p.view().attr("group", 1);
    const bool skips =
        std::any_of(w.strides.begin(), w.strides.end(), [](auto s) { return s > 1; });
    if (p.zeros_inserted() && skips) return conv_over_gaps(p, w, groups);
    if (p.wants(0)) p.give(0, input_gradient(p, w, groups));
    const int64_t parts = p.zeros_inserted() ? 1 : parts_of(p.in_shape(0)[0]);
    if (p.wants(1)) p.give(1, weight_gradient(p.in(0), p.grad(), w, groups, p.in_shape(1), parts));
}

void conv_transpose(Pullback& p) {
    bias_gradient(p);
    if (empty(p)) return;
    Window w = conv_transpose_window(p.view());
    const int64_t groups = p.view().attr("group", 1);
    // Output padding is padding that the windows of the convolution back do not need.
    for (size_t d = 0; d < w.kernel.size(); ++d) {
        const int64_t reach = (w.kernel[d] - 1) * w.dilations[d] + 1;
        const int64_t walked = (p.in_shape(0)[d + 2] - 1) * w.strides[d] + reach;
        w.pads_end[d] = walked - p.grad().shape()[d + 2] - w.pads_begin[d];
    }
    const Attributes attributes = {{"dilations", w.dilations},
                                   {"strides", w.strides},
                                   {"group", groups},
                                   {"pads", pads_of(w)}};
    if (p.wants(0))
        p.give(0, p.composer().node(OpType::kConv, {p.grad(), p.in(1)}, attributes,
                                    p.grad().dtype(), p.in_shape(0)));
    if (p.wants(1))
        p.give(1, weight_gradient(p.grad(), p.in(0), w, groups, p.in_shape(1),
                                  parts_of(p.grad().shape()[0])));
}

}  // namespace

void add_conv_gradients(GradientTable& table) {
    row(table, OpType::kConv) = {conv};
    row(table, OpType::kConvTranspose) = {conv_transpose};
}

}  // namespace smeaton::model
