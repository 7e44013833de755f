#include "lower/window.h"

#include <algorithm>

namespace smeaton::lower {

Shape spatial_of(const Shape& s) {
    return Shape(s.begin() + 2, s.end());
}

std::string out_axis_name(size_t d, size_t rank) {
    static const char* const kNames[] = {"od", "oh", "ow"};
    return rank <= 3 ? kNames[d + 3 - rank] : fmt::format("o{}", d);
}

std::string tap_name(size_t d, size_t rank) {
    static const char* const kNames[] = {"q", "r", "s"};
    return rank <= 3 ? kNames[d + 3 - rank] : fmt::format("r{}", d);
}

Window read_window(NodeContext& node, const Shape& kernel, const Shape& spatial) {
    const size_t n = kernel.size();
    if (spatial.size() != n)
        node.refuse("the kernel has {} spatial dims, the input {}", n, spatial.size());
    Window w;
    w.kernel = kernel;
    w.stride = node.attr_ints("strides", Shape(n, 1));
    w.dilation = node.attr_ints("dilations", Shape(n, 1));
    const Shape pads = node.attr_ints("pads", Shape(2 * n, 0));
    if (w.stride.size() != n || w.dilation.size() != n || pads.size() != 2 * n)
        node.refuse("strides, dilations and pads do not fit {} spatial dims", n);
    for (size_t d = 0; d < n; ++d)
        if (w.stride[d] < 1 || w.dilation[d] < 1)
            node.refuse("strides and dilations must be positive");
    w.begin.assign(pads.begin(), pads.begin() + static_cast<std::ptrdiff_t>(n));
    w.end.assign(pads.begin() + static_cast<std::ptrdiff_t>(n), pads.end());
    const std::string mode = node.attr_string("auto_pad", "NOTSET");
    if (mode == "NOTSET") return w;
    const bool upper = mode == "SAME_UPPER";
    if (!upper && mode != "SAME_LOWER" && mode != "VALID")
        node.refuse("auto_pad is \"{}\"; expected NOTSET, SAME_UPPER, SAME_LOWER or VALID", mode);
    for (size_t d = 0; d < n; ++d) {
        const int64_t out = (spatial[d] + w.stride[d] - 1) / w.stride[d];
        const int64_t all =
            mode == "VALID"
                ? 0
                : std::max<int64_t>(0, (out - 1) * w.stride[d] + w.span(d) - spatial[d]);
        w.begin[d] = upper ? all / 2 : all - all / 2;
        w.end[d] = all - w.begin[d];
    }
    return w;
}

Buf widened(NodeContext& node, const Buf& b) {
    const DType to = compute_dtype(b.dtype);
    if (to == b.dtype) return b;
    const Buf wide = node.temp(b.name.str() + "_f32", to, b.shape);
    KernelBuilder k(node, "_widen");
    const Index i = k.parallel_all(b.shape);
    k.store(k.at(wide, i), k.at(b, i));
    k.done();
    return wide;
}

}  // namespace smeaton::lower
