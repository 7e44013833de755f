#include "lower/window.h"

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
