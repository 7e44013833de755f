// Row operators: softmax and the normalisations. Parallel over what is kept, a tile for the row.
#include "model/shape/norm.h"

#include "lower/rules.h"

namespace smeaton::lower {

using model::OpType;

namespace {

/// A kernel whose axes run over some dims of x and whose tile dims (v0, v1, ...) run over the
/// others.
struct Rows {
    KernelBuilder k;
    Index index;  ///< coordinates of x
    Index dims;   ///< those that are tile dims
    int64_t count = 1;

    Rows(NodeContext& node, const Shape& shape, const std::set<size_t>& row,
         std::string_view suffix = "")
        : k(node, suffix), index(shape.size()) {
        for (size_t d = 0; d < shape.size(); ++d)
            if (!row.contains(d)) index[d] = k.parallel(fmt::format("i{}", d), shape[d]);
        for (size_t d : row) {
            index[d] = k.dim(fmt::format("v{}", dims.size()), shape[d]);
            dims.push_back(index[d]);
            count *= shape[d];
        }
    }
};

std::set<size_t> dims_in(const model::AxisRange& range) {
    std::set<size_t> out;
    for (int64_t d = range.begin; d < range.end; ++d) out.insert(static_cast<size_t>(d));
    return out;
}

std::set<size_t> trailing(size_t from, size_t rank) {
    return dims_in({static_cast<int64_t>(from), static_cast<int64_t>(rank)});
}

void softmax(NodeContext& node) {
    const Buf x = node.in(0), y = node.out(0);
    Rows r(node, x.shape, dims_in(model::softmax_axes(node.view())));
    KernelBuilder& k = r.k;
    const Val row = k.load_row(k.at(x, r.index));
    Val e = k.binary(Fn::sub, row, k.reduce(Fn::max, row, r.dims));
    e = k.unary(Fn::exp, e);
    const Val sum = k.reduce(Fn::add, e, r.dims, "s");
    k.store(k.at(y, r.index), k.binary(Fn::div, e, sum));
    k.done();
}

void log_softmax(NodeContext& node) {
    const Buf x = node.in(0), y = node.out(0);
    Rows r(node, x.shape, dims_in(model::softmax_axes(node.view())));
    KernelBuilder& k = r.k;
    const Val row = k.load_row(k.at(x, r.index));
    const Val d = k.binary(Fn::sub, row, k.reduce(Fn::max, row, r.dims));
    const Val sum = k.reduce(Fn::add, k.unary(Fn::exp, d, "e"), r.dims, "s");
    k.store(k.at(y, r.index), k.binary(Fn::sub, d, k.unary(Fn::log, sum)));
    k.done();
}

// ---- moments ----

Val mean_of(Rows& r, const Val& row, std::string_view tile) {
    const Val sum = r.k.reduce(Fn::add, row, r.dims, tile);
    return r.k.binary(Fn::mul, sum, r.k.lit(1.0 / static_cast<double>(r.count), row.dtype));
}

Val mean_square(Rows& r, const Val& row, std::string_view tile) {
    return mean_of(r, r.k.binary(Fn::mul, row, row, "sq"), tile);
}

/// 1 / sqrt(v + epsilon)
Val inverse_root(KernelBuilder& k, const Val& v, double epsilon) {
    const Val t = k.binary(Fn::add, v, k.lit(epsilon, v.dtype));
    return k.unary(Fn::reciprocal, k.unary(Fn::sqrt, t));
}

struct Normalized {
    Val row, mean, variance, inverse;
};

/// (row - mean) / sqrt(variance + epsilon), in two passes over the tile.
Normalized normalize(Rows& r, const Val& x, double epsilon) {
    Normalized n;
    const Val row = r.k.load_row(x);
    n.mean = mean_of(r, row, "mean");
    const Val centred = r.k.binary(Fn::sub, row, n.mean);
    n.variance = mean_square(r, centred, "var");
    n.inverse = inverse_root(r.k, n.variance, epsilon);
    n.row = r.k.binary(Fn::mul, centred, n.inverse);
    return n;
}

Val scaled(KernelBuilder& k, const Val& row, const Val& scale) {
    return k.binary(Fn::mul, row, k.load(scale));
}
Val shifted(KernelBuilder& k, const Val& row, const Val& bias) {
    return k.binary(Fn::add, row, k.load(bias));
}

/// Coordinates of a statistics output: 0 along the row's dims.
Index kept_index(const Rows& r) {
    Index out = r.index;
    for (Affine& a : out)
        for (const Affine& d : r.dims)
            if (!d.is_const() && a == d) a = 0;
    return out;
}

void layer_normalization(NodeContext& node) {
    const Buf x = node.in(0), y = node.out(0);
    Rows r(node, x.shape, dims_in(model::layer_norm_axes(node.view())));
    KernelBuilder& k = r.k;
    const Normalized n = normalize(r, k.at(x, r.index), node.attr_float("epsilon", 1e-5));
    if (node.has_out(1)) k.store(k.at(node.out(1), kept_index(r)), n.mean);
    if (node.has_out(2)) k.store(k.at(node.out(2), kept_index(r)), n.inverse);
    Val row = scaled(k, n.row, k.broadcast(node.in(1), r.index));
    if (node.has_in(2)) row = shifted(k, row, k.broadcast(node.in(2), r.index));
    k.store(k.at(y, r.index), row);
    k.done();
}

void rms_normalization(NodeContext& node) {
    const Buf x = node.in(0), y = node.out(0);
    Rows r(node, x.shape, dims_in(model::layer_norm_axes(node.view())));
    KernelBuilder& k = r.k;
    const Val row = k.load_row(k.at(x, r.index));
    const Val inverse = inverse_root(k, mean_square(r, row, "m"), node.attr_float("epsilon", 1e-5));
    const Val t = k.binary(Fn::mul, row, inverse);
    k.store(k.at(y, r.index), scaled(k, t, k.broadcast(node.in(1), r.index)));
    k.done();
}

void instance_normalization(NodeContext& node) {
    const Buf x = node.in(0), y = node.out(0);
    if (x.rank() < 3) node.refuse("input of rank {}; expected 3 or more", x.rank());
    Rows r(node, x.shape, trailing(2, x.shape.size()));
    KernelBuilder& k = r.k;
    const Normalized n = normalize(r, k.at(x, r.index), node.attr_float("epsilon", 1e-5));
    const Val row = scaled(k, n.row, k.at(node.in(1), {r.index[1]}));
    k.store(k.at(y, r.index), shifted(k, row, k.at(node.in(2), {r.index[1]})));
    k.done();
}

/// Channels in groups; scale and bias per channel from version 21, per group before it.
void group_normalization(NodeContext& node) {
    const Buf x = node.in(0), y = node.out(0);
    const int64_t groups = node.attr("num_groups", 0);
    if (x.rank() < 2 || groups < 1 || x.shape[1] % groups != 0)
        node.refuse("num_groups {} does not divide the channels", groups);
    const int64_t each = x.shape[1] / groups;
    Shape grouped = {x.shape[0], groups, each};
    grouped.insert(grouped.end(), x.shape.begin() + 2, x.shape.end());
    Rows r(node, grouped, trailing(2, grouped.size()));
    KernelBuilder& k = r.k;
    const Affine channel = r.index[1] * each + r.index[2];
    Index index = {r.index[0], channel};
    index.insert(index.end(), r.index.begin() + 3, r.index.end());
    const Normalized n = normalize(r, k.at(x, index), node.attr_float("epsilon", 1e-5));
    const Affine parameter = node.version() >= 21 ? channel : r.index[1];
    const Val row = scaled(k, n.row, k.at(node.in(1), {parameter}));
    k.store(k.at(y, index), shifted(k, row, k.at(node.in(2), {parameter})));
    k.done();
}

// ---- batch normalisation ----

/// Inference: a = scale / sqrt(var + eps), b = bias - mean * a by a kernel that runs once where all
/// four are weights; then y = x * a + b.
void batch_inference(NodeContext& node) {
    const Buf x = node.in(0), y = node.out(0), scale = node.in(1);
    const DType t = compute_dtype(x.dtype);
    const Buf a = node.temp("a", t, scale.shape), b = node.temp("b", t, scale.shape);
    {
        KernelBuilder k(node, "_factors");
        const Index i = k.parallel_all(scale.shape, "c");
        const auto in = [&](size_t n) { return k.cast(k.at(node.in(n), i), t); };
        const Val inverse = inverse_root(k, in(4), node.attr_float("epsilon", 1e-5));
        const Val factor = k.binary(Fn::mul, inverse, in(1), "f");
        k.store(k.at(a, i), factor);
        const Val offset = k.binary(Fn::mul, factor, in(3), "o");
        k.store(k.at(b, i), k.binary(Fn::sub, in(2), offset));
        k.done();
    }
    KernelBuilder k(node);
    const Index i = k.parallel_all(y.shape);
    Index c = {x.rank() > 1 ? i[1] : Affine(0)};
    if (scale.rank() > 1) c.assign(i.begin() + 1, i.end());  // spatial = 0: one per activation
    const Val product = k.binary(Fn::mul, k.load(k.at(x, i)), k.at(a, c));
    k.store(k.at(y, i), k.binary(Fn::add, product, k.at(b, c)));
    k.done();
}

/// Statistics of this batch; outputs 1 and 2 are the running ones, moved by 1 - momentum, outputs 3
/// and 4 (before version 14) the batch's mean and 1 / sqrt(var + epsilon).
void batch_training(NodeContext& node) {
    const Buf x = node.in(0), y = node.out(0);
    const double momentum = node.attr_float("momentum", 0.9);
    std::set<size_t> row = trailing(2, x.shape.size());
    row.insert(0);
    Rows r(node, x.shape, row);
    KernelBuilder& k = r.k;
    const Index c = {r.index[1]};
    const Normalized n = normalize(r, k.at(x, r.index), node.attr_float("epsilon", 1e-5));
    const auto running = [&](size_t input, size_t output, const Val& current) {
        if (!node.has_out(output)) return;
        const Val old = k.cast(k.at(node.in(input), c), current.dtype);
        const Val kept = k.binary(Fn::mul, old, k.lit(momentum, current.dtype), "kept");
        const Val moved = k.binary(Fn::mul, current, k.lit(1 - momentum, current.dtype), "moved");
        k.store(k.at(node.out(output), c), k.binary(Fn::add, kept, moved));
    };
    running(3, 1, n.mean);
    running(4, 2, n.variance);
    if (node.has_out(3)) k.store(k.at(node.out(3), c), n.mean);
    if (node.has_out(4)) k.store(k.at(node.out(4), c), n.inverse);
    const Val t = scaled(k, n.row, k.cast(k.at(node.in(1), c), n.row.dtype));
    k.store(k.at(y, r.index), shifted(k, t, k.cast(k.at(node.in(2), c), t.dtype)));
    k.done();
}

/// Before version 14 the node trains where it lists more outputs than Y, read or not.
void batch_normalization(NodeContext& node) {
    const bool trains =
        node.version() >= 14 ? node.attr("training_mode", 0) != 0 : node.output_count() > 1;
    if (!trains) return batch_inference(node);
    if (node.in_shape(1).size() != 1)
        node.refuse("training with spatial = 0 (statistics per activation) is not computed");
    batch_training(node);
}

// y = x / (bias + alpha/size * sum of squares over the window of channels)^beta
void lrn(NodeContext& node) {
    const Buf x = node.in(0), y = node.out(0);
    const int64_t size = node.attr("size", 0);
    if (size < 1 || x.rank() < 2) node.refuse("size must be positive and the rank 2 or more");
    KernelBuilder k(node);
    const Index i = k.parallel_all(y.shape);
    Index window = i;
    window[1] = i[1] + k.dim("v", size) - (size - 1) / 2;
    Val sq = k.load_row(k.at_or(x, window, literal(0, x.dtype)), "sq");
    sq = k.binary(Fn::mul, sq, sq);
    Val m = k.reduce(Fn::add, sq, k.dims_of(sq));
    const double alpha = node.attr_float("alpha", 1e-4) / static_cast<double>(size);
    m = k.binary(Fn::mul, m, k.lit(alpha, m.dtype));
    m = k.binary(Fn::add, m, k.lit(node.attr_float("bias", 1), m.dtype));
    m = k.binary(Fn::pow, m, k.lit(node.attr_float("beta", 0.75), m.dtype));
    k.store(k.at(y, i), k.binary(Fn::div, k.load(k.at(x, i)), m));
    k.done();
}

}  // namespace

void add_norm_rules(RuleTable& t) {
    t[OpType::kSoftmax] = softmax;
    t[OpType::kLogSoftmax] = log_softmax;
    t[OpType::kLayerNormalization] = layer_normalization;
    t[OpType::kRMSNormalization] = rms_normalization;
    t[OpType::kInstanceNormalization] = instance_normalization;
    t[OpType::kGroupNormalization] = group_normalization;
    t[OpType::kBatchNormalization] = batch_normalization;
    t[OpType::kLRN] = lrn;
}

}  // namespace smeaton::lower
