// Pools: a reduce over shifted slices, as convolutions are an mma over them.
#include <algorithm>

#include "lower/rules.h"
#include "lower/window.h"

namespace smeaton::lower {

using model::OpType;

namespace {

/// Output axes, tap dims, and the coordinates of the input under both.
struct Taps {
    Index out, x, dims;
};

Taps open_taps(KernelBuilder& k, const Window& w, const Shape& y) {
    Taps t;
    t.out = {k.parallel("n", y[0]), k.parallel("c", y[1])};
    t.x = t.out;
    for (size_t d = 0; d < w.kernel.size(); ++d)
        t.out.push_back(k.parallel(out_axis_name(d, w.kernel.size()), y[d + 2]));
    for (size_t d = 0; d < w.kernel.size(); ++d) {
        t.dims.push_back(k.dim(tap_name(d, w.kernel.size()), w.kernel[d]));
        t.x.push_back(t.out[d + 2] * w.strides[d] + t.dims[d] * w.dilations[d] - w.pads_begin[d]);
    }
    return t;
}

/// True at taps inside the input; null when all are.
std::optional<Val> inside(KernelBuilder& k, const Window& w, const Taps& t, const Buf& x,
                          const Shape& y) {
    std::optional<Val> all;
    for (size_t d = 0; d < w.kernel.size(); ++d) {
        const int64_t last =
            (y[d + 2] - 1) * w.strides[d] + (w.kernel[d] - 1) * w.dilations[d] - w.pads_begin[d];
        if (w.pads_begin[d] <= 0 && last < x.shape[d + 2]) continue;
        const Val position = k.iota(t.x[d + 2]);
        const Val low = k.binary(Fn::ge, position, k.lit(0, DType::kI64), "in");
        const Val high = k.binary(Fn::lt, position,
                                  k.lit(static_cast<double>(x.shape[d + 2]), DType::kI64), "in");
        const Val both = k.binary(Fn::and_, low, high, "in");
        all = all ? k.binary(Fn::and_, *all, both, "in") : both;
    }
    return all;
}

/// Flat position in the input of the element under each tap.
Affine flat_position(const Taps& t, const Shape& x, bool column_major) {
    Affine flat = t.x[0] * x[1] + t.x[1];
    int64_t plane = 1;
    for (size_t d = 2; d < x.size(); ++d) plane *= x[d];
    flat *= plane;
    int64_t stride = 1;
    for (size_t n = 2; n < x.size(); ++n) {
        const size_t d = column_major ? n : x.size() + 1 - n;
        flat += t.x[d] * stride;
        stride *= x[d];
    }
    return flat;
}

void max_pool_indices(NodeContext& node, const Window& w) {
    const Buf x = node.in(0), y = node.out(1);
    KernelBuilder k(node, "_indices");
    const Taps t = open_taps(k, w, y.shape);
    const Val row = k.load_row(k.at_or(x, t.x, lowest(x.dtype)));
    const Val m = k.reduce(Fn::max, row, t.dims);
    Val best = k.binary(Fn::eq, row, m, "best");
    if (tensor::is_float(row.dtype)) best = k.binary(Fn::or_, best, k.unary(Fn::isnan, row, "nan"));
    if (const std::optional<Val> mask = inside(k, w, t, x, y.shape))
        best = k.binary(Fn::and_, best, *mask);
    const bool column_major = node.attr("storage_order", 0) != 0;
    const Val position = k.iota(flat_position(t, x.shape, column_major));
    const Val none = {highest(DType::kI64), DType::kI64};
    const Val found = k.select(best, position, none);
    k.store(k.at(y, t.out), k.reduce(Fn::min, found, t.dims, "q"));
    k.done();
}

void max_pool(NodeContext& node) {
    const Window w = model::pool_window(node.view());
    if (node.has_out(0)) {
        const Buf x = node.in(0), y = node.out(0);
        KernelBuilder k(node);
        const Taps t = open_taps(k, w, y.shape);
        const Val m = k.reduce(Fn::max, k.load(k.at_or(x, t.x, lowest(x.dtype))), t.dims);
        k.store(k.at(y, t.out), m);
        k.done();
    }
    if (node.has_out(1)) max_pool_indices(node, w);
}

/// Elements averaged at each output position: one number where it is the same everywhere, else a
/// table over the spatial dims.
struct Counts {
    int64_t everywhere = 0;  ///< 0: see table
    std::optional<Tensor> table;
};

Counts average_counts(const Window& w, const Shape& y, bool include_pad, DType t) {
    std::vector<std::vector<int64_t>> axis(w.kernel.size());
    bool same = true;
    int64_t product = 1;
    for (size_t d = 0; d < w.kernel.size(); ++d) {
        for (int64_t o = 0; o < y[d + 2]; ++o)
            axis[d].push_back(model::averaged_taps(w, d, o, include_pad));
        if (axis[d].empty()) return {1, {}};
        same = same && std::count(axis[d].begin(), axis[d].end(), axis[d][0]) ==
                           static_cast<int64_t>(axis[d].size());
        product *= axis[d][0];
    }
    if (same) return {product, {}};
    Tensor table(t, spatial_of(y));
    for (int64_t n = 0; n < table.elements(); ++n) {
        int64_t rest = n, count = 1;
        for (size_t d = w.kernel.size(); d-- > 0;) {
            count *= axis[d][static_cast<size_t>(rest % y[d + 2])];
            rest /= y[d + 2];
        }
        table.set_from_double(n, static_cast<double>(count));
    }
    return {0, std::move(table)};
}

void average_pool(NodeContext& node) {
    const Window w = model::pool_window(node.view());
    const Buf x = node.in(0), y = node.out(0);
    const DType t = compute_dtype(x.dtype);
    const bool include_pad = node.attr("count_include_pad", 0) != 0;
    node.limit_table(spatial_of(y.shape));
    const Counts counts = average_counts(w, y.shape, include_pad, t);
    KernelBuilder k(node);
    const Taps taps = open_taps(k, w, y.shape);
    Val m = k.reduce(Fn::add, k.load(k.at_or(x, taps.x, literal(0, x.dtype))), taps.dims);
    if (counts.table) {
        const Index spatial(taps.out.begin() + 2, taps.out.end());
        m = k.binary(Fn::div, m, k.at(node.weight("count", *counts.table), spatial));
    } else {
        m = k.binary(Fn::mul, m, k.lit(1.0 / static_cast<double>(counts.everywhere), t));
    }
    k.store(k.at(y, taps.out), m);
    k.done();
}

/// Over all spatial dims; the result keeps them with extent 1.
void global_pool(NodeContext& node, Fn fn) {
    const Buf x = node.in(0), y = node.out(0);
    if (x.rank() < 2) node.refuse("input of rank {}; expected 2 or more", x.rank());
    KernelBuilder k(node);
    Index in = {k.parallel("n", x.shape[0]), k.parallel("c", x.shape[1])}, out = in, over;
    int64_t count = 1;
    for (size_t d = 2; d < x.shape.size(); ++d) {
        over.push_back(k.dim(fmt::format("v{}", d - 2), x.shape[d]));
        in.push_back(over.back());
        out.emplace_back(0);
        count *= x.shape[d];
    }
    Val m = k.reduce(fn, k.load(k.at(x, in)), over);
    if (fn == Fn::add) m = k.binary(Fn::mul, m, k.lit(1.0 / static_cast<double>(count), m.dtype));
    k.store(k.at(y, out), m);
    k.done();
}

void global_average_pool(NodeContext& node) {
    global_pool(node, Fn::add);
}
void global_max_pool(NodeContext& node) {
    global_pool(node, Fn::max);
}

}  // namespace

void add_pool_rules(RuleTable& t) {
    t[OpType::kMaxPool] = max_pool;
    t[OpType::kAveragePool] = average_pool;
    t[OpType::kGlobalAveragePool] = global_average_pool;
    t[OpType::kGlobalMaxPool] = global_max_pool;
}

}  // namespace smeaton::lower
