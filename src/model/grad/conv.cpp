// Gradients of convolutions. That of the input is a transposed convolution, which lowers by phase;
// that of the weight is a convolution of the input with the result's gradient in the weight's
// place, batch and channels changing roles: one contraction over batch and positions.
#include <numeric>

#include "base/error.h"
#include "model/grad/rule.h"
#include "model/shape/window.h"

namespace smeaton::model {

namespace {

size_t at(int64_t d) {
    return static_cast<size_t>(d);
}

Sizes pads_of(const Window& w) {
    Sizes pads = w.pads_begin;
    pads.insert(pads.end(), w.pads_end.begin(), w.pads_end.end());
    return pads;
}

/// [n, groups * each, s...] -> [each, groups * n, s...]
Expr channels_first(Expr x, int64_t groups) {
    const Sizes own = x.shape();
    const int64_t each = own[1] / groups;
    Sizes split = {own[0], groups, each}, joined = {each, groups * own[0]};
    std::vector<int64_t> perm = {2, 1, 0};
    for (size_t d = 2; d < own.size(); ++d) {
        split.push_back(own[d]);
        joined.push_back(own[d]);
        perm.push_back(static_cast<int64_t>(d) + 1);
    }
    return reshape(transpose(reshape(x, split), perm), joined);
}

/// w'[m, c, r] = sum over n, o of small[n, m, o] * big[n, c', o * stride + r * dilation - pad],
/// where `big` has the channels of m's group: [m, c, r...] of `shape`.
Expr weight_gradient(Expr big, Expr small, const Window& w, int64_t groups, const Sizes& shape) {
    const auto spatial = static_cast<int64_t>(w.kernel.size());
    const Expr image = channels_first(big, groups);
    std::vector<int64_t> swap = axes_between(0, spatial + 2);
    std::swap(swap[0], swap[1]);
    const Expr taps = transpose(small, swap);
    Window turned;
    turned.pads_begin = w.pads_begin;
    for (int64_t d = 0; d < spatial; ++d) {
        const int64_t reach = (small.shape()[at(d + 2)] - 1) * w.strides[at(d)] + 1;
        const int64_t wanted = reach + (w.kernel[at(d)] - 1) * w.dilations[at(d)];
        turned.pads_end.push_back(wanted - big.shape()[at(d + 2)] - w.pads_begin[at(d)]);
    }
    Sizes result = shape;
    std::swap(result[0], result[1]);
    const Attributes attributes = {{"dilations", w.strides},
                                   {"strides", w.dilations},
                                   {"group", groups},
                                   {"pads", pads_of(turned)}};
    const Expr turned_result =
        big.composer->node(OpType::kConv, {image, taps}, attributes, big.dtype(), result);
    return transpose(turned_result, swap);
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

void conv(Pullback& p) {
    bias_gradient(p);
    if (empty(p)) return;
    const Window w = conv_window(p.view());
    const int64_t groups = p.view().attr("group", 1);
    if (p.wants(1)) p.give(1, weight_gradient(p.in(0), p.grad(), w, groups, p.in_shape(1)));
    if (!p.wants(0)) return;
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
    p.give(0, p.composer().node(OpType::kConvTranspose, {p.grad(), p.in(1)}, attributes,
                                p.grad().dtype(), p.in_shape(0)));
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
    if (p.wants(1)) p.give(1, weight_gradient(p.grad(), p.in(0), w, groups, p.in_shape(1)));
    if (!p.wants(0)) return;
    const Attributes attributes = {{"dilations", w.dilations},
                                   {"strides", w.strides},
                                   {"group", groups},
                                   {"pads", pads_of(w)}};
    p.give(0, p.composer().node(OpType::kConv, {p.grad(), p.in(1)}, attributes, p.grad().dtype(),
                                p.in_shape(0)));
}

}  // namespace

void add_conv_gradients(GradientTable& table) {
    row(table, OpType::kConv) = {conv};
    row(table, OpType::kConvTranspose) = {conv_transpose};
}

}  // namespace smeaton::model
