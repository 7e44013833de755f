#include "model/shape/window.h"

#include <algorithm>

namespace smeaton::model {

namespace {

/// Kernels, strides and dilations stay below this, so that their products fit.
constexpr int64_t kMaxStep = int64_t{1} << 30;

enum class AutoPad { NotSet, SameUpper, SameLower, Valid };

AutoPad auto_pad_of(const NodeView& view) {
    const std::string text =
        view.choice("auto_pad", "NOTSET", {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"});
    if (text == "SAME_UPPER") return AutoPad::SameUpper;
    if (text == "SAME_LOWER") return AutoPad::SameLower;
    return text == "VALID" ? AutoPad::Valid : AutoPad::NotSet;
}

std::vector<int64_t> positive_attrs(const NodeView& view, const char* key, size_t count) {
    std::vector<int64_t> values = view.attrs(key, std::vector<int64_t>(count, 1));
    if (values.size() != count) {
        view.fail("attribute {} has {} entries; {} has {} spatial dims", key, values.size(),
                  view.operand(0), count);
    }
    for (int64_t v : values) {
        if (v < 1) view.fail("attribute {} holds {}; expected 1 or more", key, v);
        if (v > kMaxStep) view.fail("attribute {} holds {}: too large", key, v);
    }
    return values;
}

/// Begin and end pads as given by the attribute `pads`.
void explicit_pads(const NodeView& view, Window& window) {
    const size_t dims = window.kernel.size();
    const std::vector<int64_t> pads = view.attrs("pads", std::vector<int64_t>(2 * dims, 0));
    if (pads.size() != 2 * dims) {
        view.fail("attribute pads has {} entries; expected {} (begin and end of {} spatial dims)",
                  pads.size(), 2 * dims, dims);
    }
    for (int64_t p : pads) {
        if (p < -(int64_t{1} << 40) || p > (int64_t{1} << 40)) {
            view.fail("attribute pads holds {}: too large", p);
        }
    }
    window.pads_begin.assign(pads.begin(), pads.begin() + static_cast<int64_t>(dims));
    window.pads_end.assign(pads.begin() + static_cast<int64_t>(dims), pads.end());
}

int64_t reach(const Window& window, size_t d) {
    return (window.kernel[d] - 1) * window.dilations[d] + 1;
}

/// floor or ceil of (in + pads - reach) / stride, plus 1.
Dim window_count(const NodeView& view, const Window& window, size_t d, bool ceil_mode) {
    const int64_t stride = window.strides[d];
    const Dim free = window.input[d] + window.pads_begin[d] + window.pads_end[d] - reach(window, d);
    if (free.is_const() && free.value() < 0) {
        if (window.input[d].is(0)) return 0;
        view.fail(
            "the kernel reaches over {} elements of spatial dim {}, but {} padded by {}+{} "
            "has fewer",
            reach(window, d), d, view.operand(0), window.pads_begin[d], window.pads_end[d]);
    }
    if (!ceil_mode) return tensor::floor_div(free, stride) + 1;
    Dim count = tensor::ceil_div(free, stride) + 1;
    // A window that would start in the end padding is left out.
    const Dim last_start = (count - 1) * stride;
    const Dim end = window.input[d] + window.pads_begin[d];
    if (count.is_const() && end.is_const()) {
        if (last_start.value() >= end.value()) count -= 1;
    } else if (window.pads_end[d] + stride > reach(window, d)) {
        view.fail("ceil_mode needs spatial dim {} of {} bound; bind it with --dim {}=VALUE", d,
                  view.operand(0), window.input[d].symbols().front().str());
    }
    return count;
}

/// SAME: output = ceil(in / stride), padding split with the odd element behind (upper) or in front.
void same_pads(Window& window, AutoPad mode) {
    bool known = true;
    for (size_t d = 0; d < window.kernel.size(); ++d) {
        const int64_t stride = window.strides[d];
        window.output.push_back(tensor::ceil_div(window.input[d], stride));
        const Dim need = (window.output[d] - 1) * stride + reach(window, d) - window.input[d];
        if (!need.is_const()) {
            known = false;
            continue;
        }
        const int64_t total = std::max<int64_t>(0, need.value());
        const int64_t small = total / 2;
        const bool upper = mode == AutoPad::SameUpper;
        window.pads_begin.push_back(upper ? small : total - small);
        window.pads_end.push_back(upper ? total - small : small);
    }
    if (!known) {
        window.pads_begin.clear();
        window.pads_end.clear();
    }
}

Window window_basics(const NodeView& view, std::vector<int64_t> kernel) {
    Window window;
    window.kernel = std::move(kernel);
    const size_t dims = window.kernel.size();
    window.strides = positive_attrs(view, "strides", dims);
    window.dilations = positive_attrs(view, "dilations", dims);
    const Shape& x = view.shape(0);
    window.input.assign(x.begin() + 2, x.end());
    return window;
}

void place(const NodeView& view, Window& window, bool ceil_mode) {
    const AutoPad mode = auto_pad_of(view);
    if (mode == AutoPad::SameUpper || mode == AutoPad::SameLower) {
        same_pads(window, mode);
        return;
    }
    if (mode == AutoPad::Valid) {
        window.pads_begin.assign(window.kernel.size(), 0);
        window.pads_end.assign(window.kernel.size(), 0);
    } else {
        explicit_pads(view, window);
    }
    for (size_t d = 0; d < window.kernel.size(); ++d) {
        window.output.push_back(window_count(view, window, d, ceil_mode));
    }
}

/// Kernel sizes from the weight, checked against kernel_shape.
std::vector<int64_t> weight_kernel(const NodeView& view) {
    const Shape& x = view.shape(0);
    const Shape& w = view.shape(1);
    if (x.size() < 3) view.fail("{} must have 3 dims or more", view.operand(0));
    if (w.size() != x.size()) {
        view.fail("operands {} and {} must have as many dims", view.operand(0), view.operand(1));
    }
    std::vector<int64_t> kernel;
    for (size_t d = 2; d < w.size(); ++d) {
        if (!w[d].is_const()) view.fail("the kernel size of {} must be known", view.operand(1));
        kernel.push_back(w[d].value());
        if (kernel.back() < 1) view.fail("{} has an empty kernel", view.operand(1));
        if (kernel.back() > kMaxStep) view.fail("the kernel of {} is too large", view.operand(1));
    }
    if (view.has_attr("kernel_shape") && view.attrs("kernel_shape", {}) != kernel) {
        view.fail("attribute kernel_shape {} disagrees with the weight {}",
                  describe(to_dims(view.attrs("kernel_shape", {}))), view.operand(1));
    }
    return kernel;
}

}  // namespace

Window conv_window(const NodeView& view) {
    Window window = window_basics(view, weight_kernel(view));
    place(view, window, false);
    return window;
}

Window pool_window(const NodeView& view) {
    if (view.rank(0) < 3) view.fail("{} must have 3 dims or more", view.operand(0));
    const auto dims = static_cast<size_t>(view.rank(0) - 2);
    if (!view.has_attr("kernel_shape")) view.fail("attribute kernel_shape is missing");
    Window window = window_basics(view, positive_attrs(view, "kernel_shape", dims));
    place(view, window, view.attr("ceil_mode", 0) != 0);
    return window;
}

namespace {

/// Multiples r * step, 0 <= r < count, that lie in [0, end).
int64_t multiples_below(int64_t end, int64_t step, int64_t count) {
    return end <= 0 ? 0 : std::min(count, (end - 1) / step + 1);
}

}  // namespace

int64_t averaged_taps(const Window& w, size_t d, int64_t o, bool include_pad) {
    const int64_t extent = w.input[d].value();
    const int64_t first = o * w.strides[d] - w.pads_begin[d];
    const int64_t low = include_pad ? -w.pads_begin[d] : 0;
    const int64_t high = include_pad ? extent + w.pads_end[d] : extent;
    const int64_t n = multiples_below(high - first, w.dilations[d], w.kernel[d]) -
                      multiples_below(low - first, w.dilations[d], w.kernel[d]);
    return std::max<int64_t>(n, 1);
}

namespace {

/// Pads that make the output `out` rows long: the attribute output_shape, or SAME (in * stride).
void transpose_pads_for(Window& window, size_t d, const Dim& out, int64_t extra, bool odd_behind) {
    const Dim need = (window.input[d] - 1) * window.strides[d] + extra + reach(window, d) - out;
    window.output.push_back(out);
    if (!need.is_const()) return;
    const int64_t total = std::max<int64_t>(0, need.value());
    const int64_t small = total / 2;
    window.pads_begin.push_back(odd_behind ? small : total - small);
    window.pads_end.push_back(odd_behind ? total - small : small);
}

std::vector<int64_t> output_padding_of(const NodeView& view, size_t dims) {
    const auto extra = view.attrs("output_padding", std::vector<int64_t>(dims, 0));
    if (extra.size() != dims) {
        view.fail("attribute output_padding has {} entries; expected {}", extra.size(), dims);
    }
    for (int64_t e : extra) {
        if (e < 0 || e > (int64_t{1} << 40)) view.fail("attribute output_padding holds {}", e);
    }
    return extra;
}

}  // namespace

Window conv_transpose_window(const NodeView& view) {
    Window window = window_basics(view, weight_kernel(view));
    const size_t dims = window.kernel.size();
    const std::vector<int64_t> extra = output_padding_of(view, dims);
    const AutoPad mode = auto_pad_of(view);
    const bool same = mode == AutoPad::SameUpper || mode == AutoPad::SameLower;
    std::vector<int64_t> wanted = view.attrs("output_shape", {});
    if (wanted.size() == dims + 2) wanted.erase(wanted.begin(), wanted.begin() + 2);
    if (!wanted.empty() && wanted.size() != dims) {
        view.fail("attribute output_shape has {} entries; expected {}", wanted.size(), dims);
    }
    if (!wanted.empty() || same) {
        for (size_t d = 0; d < dims; ++d) {
            // SAME only crops: a kernel that reaches less far than the stride leaves fewer rows.
            const Dim more = std::min<int64_t>(0, extra[d] + reach(window, d) - window.strides[d]);
            const Dim same_out = window.input[d] * window.strides[d] + more;
            const Dim out = wanted.empty() ? same_out : Dim(wanted[d]);
            transpose_pads_for(window, d, out, extra[d], mode == AutoPad::SameUpper);
        }
        if (window.pads_begin.size() != dims) {
            window.pads_begin.clear();
            window.pads_end.clear();
        }
        return window;
    }
    if (mode == AutoPad::Valid) {
        window.pads_begin.assign(dims, 0);
        window.pads_end.assign(dims, 0);
    } else {
        explicit_pads(view, window);
    }
    for (size_t d = 0; d < dims; ++d) {
        const Dim full = (window.input[d] - 1) * window.strides[d] + extra[d] + reach(window, d);
        Dim out = full - window.pads_begin[d] - window.pads_end[d];
        if (window.input[d].is(0)) out = 0;
        if (out.is_const() && out.value() <= 0 && !window.input[d].is(0)) {
            view.fail("pads {}+{} of spatial dim {} leave none of the {} rows of the output",
                      window.pads_begin[d], window.pads_end[d], d, full.str());
        }
        window.output.push_back(out);
    }
    return window;
}

}  // namespace smeaton::model
