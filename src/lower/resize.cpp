// Resize: nearest as one move, linear and cubic as one pass per axis over tables of positions and
// weights that are computed here. Integers blended linearly are truncated at the end, so that the
// last bit counts: one kernel adds the weighted corners in the order that other runtimes do.
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "lower/axis_map.h"
#include "lower/rules.h"
#include "model/shape/resize_table.h"

namespace smeaton::lower {

void resize(NodeContext&);

namespace {

using model::ResizeTable;

std::vector<ResizeTable> tables_of(const model::ResizeChoice& c, const Shape& in,
                                   const Shape& out) {
    std::vector<ResizeTable> tables;
    for (size_t d = 0; d < in.size(); ++d)
        tables.push_back(
            resize_table(c, {in[d], out[d], c.scales[d], c.roi_start[d], c.roi_end[d]}));
    return tables;
}

Tensor bool_table(const std::vector<bool>& values) {
    Tensor t(DType::kBool, {static_cast<int64_t>(values.size())});
    for (size_t i = 0; i < values.size(); ++i)
        t.set_from_int(static_cast<int64_t>(i), values[i] ? 1 : 0);
    return t;
}

// ---- nearest ----

/// Coordinates of one axis on both sides; `q` holds the input's where it is no affine form.
struct NearestAxis {
    Affine out, in;
    std::optional<Val> q, outside;
};

NearestAxis open_nearest(KernelBuilder& k, NodeContext& node, const ResizeTable& table, size_t d,
                         int64_t extent) {
    NearestAxis a;
    const std::string name = fmt::format("i{}", d);
    const std::vector<Run> runs = runs_of(table.position);
    const int64_t factor = repeat_factor(table.position);
    const auto out = static_cast<int64_t>(table.position.size());
    if (runs.size() <= 1) {
        a.out = k.parallel(name, out);
        a.in = runs.empty() ? Affine(0) : a.out * runs[0].step + runs[0].base;
    } else if (factor != 0) {
        a.in = k.parallel(name, out / factor);
        a.out = a.in * factor + k.parallel(fmt::format("p{}", d), factor);
    } else {
        a.out = k.parallel(name, out);
        const Buf positions = node.weight(fmt::format("rows{}", d), tensor::of_i64(table.position));
        a.q = k.copy(k.at(positions, {a.out}), "q");
    }
    if (table.extrapolates()) {
        const Buf mask = node.weight(fmt::format("outside{}", d), bool_table(table.outside));
        a.outside = k.at(mask, {a.out});
    }
    SMEATON_CHECK(extent > 0 || out == 0, "an empty axis cannot grow");
    return a;
}

void nearest(NodeContext& node, const model::ResizeChoice& c,
             const std::vector<ResizeTable>& tables) {
    const Buf x = node.in(0), y = node.out(0);
    KernelBuilder k(node);
    Index from, to;
    std::vector<NearestAxis> axes;
    for (size_t d = 0; d < x.shape.size(); ++d) {
        axes.push_back(open_nearest(k, node, tables[d], d, x.shape[d]));
        to.push_back(axes[d].out);
        from.push_back(axes[d].in);
    }
    Val source = k.at(x, from);
    std::optional<Val> outside;
    for (size_t d = 0; d < axes.size(); ++d) {
        if (axes[d].q) source = k.computed(source, d, *axes[d].q);
        if (!axes[d].outside) continue;
        outside = outside ? k.binary(Fn::or_, *outside, *axes[d].outside, "out") : *axes[d].outside;
    }
    if (outside) {
        const Val t = k.select(*outside, k.lit(c.extrapolation, x.dtype), source);
        k.move(k.at(y, to), t);
    } else {
        k.move(k.at(y, to), source);
    }
    k.done();
}

// ---- linear and cubic ----

/// positions[i, t] == base + i * by_row + t * by_tap throughout.
struct Plane {
    int64_t base = 0, by_row = 0, by_tap = 0;
};
std::optional<Plane> as_plane(const ResizeTable& table) {
    const auto rows = static_cast<int64_t>(table.outside.size());
    const auto at = [&](int64_t i, int64_t t) {
        return table.position[static_cast<size_t>(i * table.taps + t)];
    };
    if (rows == 0) return {};
    const Plane p{at(0, 0), rows > 1 ? at(1, 0) - at(0, 0) : 0,
                  table.taps > 1 ? at(0, 1) - at(0, 0) : 0};
    for (int64_t i = 0; i < rows; ++i)
        for (int64_t t = 0; t < table.taps; ++t)
            if (at(i, t) != p.base + i * p.by_row + t * p.by_tap) return {};
    return p;
}

/// y[.., i, ..] = sum_t x[.., position[i, t], ..] * weight[i, t], plus what is extrapolated.
void pass(NodeContext& node, const model::ResizeChoice& c, const ResizeTable& table, size_t axis,
          const Buf& x, const Buf& y, DType compute) {
    const Shape rows = {y.shape[axis], table.taps};
    Tensor weights(compute, rows);
    for (int64_t n = 0; n < weights.elements(); ++n)
        weights.set_from_double(n, table.weight[static_cast<size_t>(n)]);
    const Buf w = node.weight(fmt::format("weights{}", axis), std::move(weights));

    KernelBuilder k(node, fmt::format("_axis{}", axis));
    const Index i = k.parallel_all(y.shape);
    const Affine tap = k.dim("k", table.taps);
    Index from = i;
    const std::optional<Plane> plane = as_plane(table);
    from[axis] = plane ? i[axis] * plane->by_row + tap * plane->by_tap + plane->base : Affine(0);
    Val source = k.at(x, from);
    if (!plane) {
        const Tensor positions = tensor::of_i64(table.position).reshaped(rows);
        const Buf p = node.weight(fmt::format("positions{}", axis), positions);
        source = k.computed(source, axis, k.copy(k.at(p, {i[axis], tap}), "q"));
        source = k.copy(source);
    }
    source = k.cast(source, compute, "row");
    const Val acc = k.tile("acc", compute);
    if (table.extrapolates()) {
        Tensor bias(compute, {y.shape[axis]});
        for (int64_t n = 0; n < bias.elements(); ++n)
            bias.set_from_double(n, table.outside[static_cast<size_t>(n)] ? c.extrapolation : 0);
        k.move(acc, k.at(node.weight(fmt::format("outside{}", axis), std::move(bias)), {i[axis]}));
    } else {
        k.fill(acc, literal(0, compute));
    }
    k.mma(acc, source, k.at(w, {i[axis], tap}));
    k.store(k.at(y, i), acc);
    k.done();
}

// ---- antialiased, of integers ----

/// One axis: sums of weighted elements, rounded. 8-bit elements as Pillow has it: weights in units
/// of 2^-22, the result within 0 to 255.
void antialias_pass(NodeContext& node, const ResizeTable& table, size_t axis, const Buf& x,
                    const Buf& y) {
    const bool fixed = tensor::bits(x.dtype) == 8;
    const double one = 1 << 22;
    const DType compute = fixed ? DType::kI32 : DType::kF32;
    const Shape rows = {y.shape[axis], table.taps};
    Tensor weights(compute, rows);
    for (int64_t n = 0; n < weights.elements(); ++n) {
        const double w = table.weight[static_cast<size_t>(n)];
        weights.set_from_double(n, fixed ? std::round(w * one) : w);
    }
    const Buf w = node.weight(fmt::format("weights{}", axis), std::move(weights));
    const Buf p = node.weight(fmt::format("positions{}", axis),
                              tensor::of_i64(table.position).reshaped(rows));
    KernelBuilder k(node, fmt::format("_axis{}", axis));
    const Index i = k.parallel_all(y.shape);
    const Val acc = k.tile("acc", compute);
    k.fill(acc, literal(fixed ? one / 2 : 0, compute));
    const Affine tap = fixed ? k.dim("k", table.taps) : k.loop("k", table.taps);
    Index from = i;
    from[axis] = Affine(0);
    Val source = k.computed(k.at(x, from), axis, k.copy(k.at(p, {i[axis], tap}), "q"));
    source = k.cast(k.copy(source), compute, "row");
    const Val weight = k.at(w, {i[axis], tap});
    if (fixed) {
        k.mma(acc, source, weight);
    } else {  // in order
        k.move(acc, k.binary(Fn::add, acc, k.binary(Fn::mul, source, k.copy(weight, "w"))));
        if (table.taps > 1) k.close();
    }
    Val t = acc;
    if (fixed) {
        t = k.binary(Fn::idiv, t, k.lit(one, compute));
        t = k.binary(Fn::min, k.binary(Fn::max, t, k.lit(0, compute)), k.lit(255, compute));
    } else {  // halves away from 0
        const Val wide = k.cast(acc, DType::kF64);
        const Val up = k.binary(Fn::add, k.unary(Fn::abs, wide), k.lit(0.5, DType::kF64));
        t = k.binary(Fn::mul, k.unary(Fn::floor, up), k.unary(Fn::sign, wide, "s"));
    }
    k.store(k.at(y, i), t);
    k.done();
}

void antialias_integers(NodeContext& node, const model::ResizeChoice& c) {
    if (c.coordinates == "tf_crop_and_resize")
        node.refuse("antialias of {} with tf_crop_and_resize is not supported",
                    tensor::name(node.in_dtype(0)));
    Buf x = node.in(0);
    const Shape out = node.out_shape(0);
    std::vector<size_t> axes;  // the last axis first: each pass rounds
    for (size_t d = out.size(); d-- > 0;)
        if (x.shape[d] != out[d]) axes.push_back(d);
    for (size_t d : axes) {
        Shape shape = x.shape;
        shape[d] = out[d];
        const bool last = d == axes.back();
        const Buf y = last ? node.out(0) : node.temp(fmt::format("axis{}", d), x.dtype, shape);
        antialias_pass(node, antialias_table(c, {x.shape[d], out[d], c.scales[d], 0, 1}), d, x, y);
        x = y;
    }
}

// ---- linear, of integers ----

/// The axes that are blended: the last two, the last three of 3 and 5 dims, and of 4 dims the two
/// in the middle where the last one are channels.
std::vector<size_t> blended_axes(const model::ResizeChoice& c, size_t rank) {
    if (rank == 4 && c.scales[1] != 1) return {1, 2};
    const size_t count = std::min<size_t>(rank, rank == 3 || rank == 5 ? 3 : 2);
    std::vector<size_t> axes(count);
    std::iota(axes.begin(), axes.end(), rank - count);
    return axes;
}

struct BlendedAxis {
    size_t d = 0;
    std::array<Val, 2> position, weight;
    std::optional<Val> outside;
};

/// 8-bit images with the channels last are blended in integers, weights in units of 2^-10.
bool in_fixed_point(const std::vector<size_t>& axes, size_t rank, DType dtype) {
    return rank == 4 && axes[0] == 1 && tensor::bits(dtype) == 8;
}

BlendedAxis open_blended(KernelBuilder& k, NodeContext& node, const ResizeTable& table, size_t d,
                         const Affine& row, bool fixed) {
    const Shape rows = {static_cast<int64_t>(table.outside.size()), 2};
    Tensor weights(fixed ? DType::kI32 : DType::kF32, rows);
    for (int64_t n = 0; n < weights.elements(); ++n) {
        const auto at = static_cast<size_t>(n);
        // The upper weight is cut off, the lower one is what is left of the whole.
        const double whole = 1024, upper = std::floor(table.weight[at | 1] * whole);
        const bool twice = table.position[at | 1] == table.position[at & ~size_t{1}];
        const double unit = twice ? whole / 2 : at % 2 == 1 ? upper : whole - upper;
        weights.set_from_double(n, fixed ? unit : table.weight[at]);
    }
    const Buf w = node.weight(fmt::format("weights{}", d), std::move(weights));
    const Tensor positions = tensor::of_i64(table.position).reshaped(rows);
    const Buf p = node.weight(fmt::format("positions{}", d), positions);
    BlendedAxis a;
    a.d = d;
    for (size_t t = 0; t < 2; ++t) {
        const Affine tap(static_cast<int64_t>(t));
        a.position[t] = k.copy(k.at(p, {row, tap}), "q");
        a.weight[t] = k.copy(k.at(w, {row, tap}), "w");
    }
    if (table.extrapolates())
        a.outside =
            k.at(node.weight(fmt::format("outside{}", d), bool_table(table.outside)), {row});
    return a;
}

void blend_integers(NodeContext& node, const model::ResizeChoice& c) {
    const Buf x = node.in(0), y = node.out(0);
    const size_t rank = x.shape.size();
    const std::vector<size_t> blended = blended_axes(c, rank);
    for (size_t d = 0; d < rank; ++d)
        if (x.shape[d] != y.shape[d] &&
            std::find(blended.begin(), blended.end(), d) == blended.end())
            node.refuse("linear of {} resizes the last two or three dims, not dim {}",
                        tensor::name(x.dtype), d);
    const bool fixed = in_fixed_point(blended, rank, x.dtype);
    const DType compute = fixed ? DType::kI32 : DType::kF32;
    KernelBuilder k(node);
    const Index i = k.parallel_all(y.shape);
    std::vector<BlendedAxis> axes;  // innermost first
    for (auto d = blended.rbegin(); d != blended.rend(); ++d) {
        const ResizeTable table = blend_table(
            c, {x.shape[*d], y.shape[*d], c.scales[*d], c.roi_start[*d], c.roi_end[*d]});
        axes.push_back(open_blended(k, node, table, *d, i[*d], fixed));
    }
    std::optional<Val> total, outside;
    for (size_t corner = 0; corner < size_t{1} << axes.size(); ++corner) {
        Index from = i;
        for (const BlendedAxis& a : axes) from[a.d] = Affine(0);
        Val source = k.at(x, from);
        std::optional<Val> weight;
        for (size_t n = 0; n < axes.size(); ++n) {
            const size_t tap = corner >> n & 1;
            source = k.computed(source, axes[n].d, axes[n].position[tap]);
            const Val& w = axes[n].weight[tap];
            weight = weight ? k.binary(Fn::mul, *weight, w) : w;
        }
        const Val term = k.binary(Fn::mul, *weight, k.cast(k.copy(source), compute));
        total = total ? k.binary(Fn::add, *total, term) : term;
    }
    if (fixed) total = k.binary(Fn::idiv, *total, k.lit(1 << 20, compute));
    for (const BlendedAxis& a : axes)
        if (a.outside)
            outside = outside ? k.binary(Fn::or_, *outside, *a.outside, "out") : *a.outside;
    if (outside) total = k.select(*outside, k.lit(c.extrapolation, compute), *total);
    k.store(k.at(y, i), *total);
    k.done();
}

void interpolate(NodeContext& node, const model::ResizeChoice& c,
                 const std::vector<ResizeTable>& tables) {
    Buf x = node.in(0);
    const Shape out = node.out_shape(0);
    std::vector<size_t> axes;
    for (size_t d = 0; d < out.size(); ++d)
        if (!(c.antialias && x.shape[d] == out[d]) && !tables[d].identity(x.shape[d]))
            axes.push_back(d);
    if (axes.empty()) return node.alias(0, x);
    const DType compute = x.dtype == DType::kF64 ? DType::kF64 : DType::kF32;
    for (size_t d : axes) {
        Shape shape = x.shape;
        shape[d] = out[d];
        const bool last = d == axes.back();
        const Buf y = last ? node.out(0) : node.temp(fmt::format("axis{}", d), compute, shape);
        pass(node, c, tables[d], d, x, y, compute);
        x = y;
    }
}

}  // namespace

void resize(NodeContext& node) {
    const model::ResizeChoice c = model::resize_of(node.view());
    const Shape in = node.in_shape(0), out = node.out_shape(0);
    if (c.keeps(node.view().shape(0))) return node.alias(0, node.in(0));
    for (size_t d = 0; d < out.size(); ++d) {
        node.limit_table({in[d]});
        node.limit_table({out[d]});
    }
    const std::vector<ResizeTable> tables = tables_of(c, in, out);
    if (c.mode == "nearest") return nearest(node, c, tables);
    if (tensor::is_integer(node.in_dtype(0))) {
        if (c.antialias) return antialias_integers(node, c);
        if (c.mode == "linear") return blend_integers(node, c);
    }
    interpolate(node, c, tables);
}

}  // namespace smeaton::lower
