// Reductions over axes, ArgMax, CumSum.
#include "model/shape/reduce.h"

#include <algorithm>

#include "lower/rules.h"

namespace smeaton::lower {

using model::OpType;

namespace {

/// Axes over the kept dims, tile dims over the reduced ones.
struct ReductionNest {
    KernelBuilder k;
    Index in, out, over;
    int64_t count = 1;

    ReductionNest(NodeContext& node, const Shape& shape) : k(node), in(shape.size()) {
        const model::Reduction reduction = model::reduction_of(node.view());
        const std::set<size_t> axes(reduction.axes.begin(), reduction.axes.end());
        for (size_t d = 0; d < shape.size(); ++d) {
            if (!axes.contains(d)) in[d] = k.parallel(fmt::format("i{}", d), shape[d]);
            if (!axes.contains(d) || reduction.keep_dims)
                out.push_back(axes.contains(d) ? Affine(0) : in[d]);
        }
        for (size_t d : axes) {
            in[d] = k.dim(fmt::format("v{}", over.size()), shape[d]);
            over.push_back(in[d]);
            count *= shape[d];
        }
    }
};

using Before = Val (*)(KernelBuilder&, const Val&);
using After = Val (*)(KernelBuilder&, const Val&, int64_t count);

Val as_is(KernelBuilder& k, const Val& x) {
    return k.load(x);
}
Val unchanged(KernelBuilder&, const Val& m, int64_t) {
    return m;
}

void reduce_by(NodeContext& node, Fn fn, Before before, After after) {
    const Buf x = node.in(0), y = node.out(0);
    ReductionNest r(node, x.shape);
    const Val m = r.k.reduce(fn, before(r.k, r.k.at(x, r.in)), r.over);
    r.k.store(r.k.at(y, r.out), after(r.k, m, r.count));
    r.k.done();
}

template <Fn fn>
void reduce_rule(NodeContext& node) {
    reduce_by(node, fn, as_is, unchanged);
}

/// max and min of bool are or and and.
template <Fn fn, Fn of_bool>
void reduce_extreme(NodeContext& node) {
    reduce_by(node, node.in_dtype(0) == DType::kBool ? of_bool : fn, as_is, unchanged);
}

void reduce_mean(NodeContext& node) {
    reduce_by(node, Fn::add, as_is, [](KernelBuilder& k, const Val& m, int64_t count) {
        if (!tensor::is_float(m.dtype))
            return k.binary(Fn::idiv, m,
                            k.lit(static_cast<double>(std::max<int64_t>(count, 1)), m.dtype));
        return k.binary(Fn::mul, m, k.lit(1.0 / static_cast<double>(count), m.dtype));
    });
}

void reduce_l2(NodeContext& node) {
    reduce_by(
        node, Fn::add,
        [](KernelBuilder& k, const Val& x) {
            const Val row = k.load_row(x);
            return k.binary(Fn::mul, row, row);
        },
        [](KernelBuilder& k, const Val& m, int64_t) {
            if (tensor::is_float(m.dtype)) return k.unary(Fn::sqrt, m);
            return k.unary(Fn::sqrt, k.cast(m, DType::kF64));
        });
}

/// The first (or last) position of the greatest element; a NaN is the greatest.
void arg_max(NodeContext& node) {
    const Buf x = node.in(0), y = node.out(0);
    ReductionNest r(node, x.shape);
    KernelBuilder& k = r.k;
    const bool last = node.attr("select_last_index", 0) != 0;
    const Val row = k.load_row(k.at(x, r.in));
    const Val m = k.reduce(Fn::max, row, r.over);
    Val best = k.binary(Fn::eq, row, m, "best");
    if (tensor::is_float(row.dtype)) best = k.binary(Fn::or_, best, k.unary(Fn::isnan, row, "nan"));
    const Val position = k.iota(r.over.at(0));
    const Val none = k.lit(last ? -1.0 : static_cast<double>(r.count), DType::kI64);
    const Val found = k.select(best, position, none);
    k.store(k.at(y, r.out), k.reduce(last ? Fn::max : Fn::min, found, r.over, "q"));
    k.done();
}

/// Serial along the axis, with an accumulator.
void cum_sum(NodeContext& node) {
    const Buf x = node.in(0), y = node.out(0);
    const model::CumSumChoice choice = model::cum_sum_of(node.view());
    const auto axis = static_cast<size_t>(choice.axis);
    KernelBuilder k(node);
    Index i(x.shape.size());
    for (size_t d = 0; d < i.size(); ++d)
        if (d != axis) i[d] = k.parallel(fmt::format("i{}", d), x.shape[d]);
    const Val acc = k.tile("acc", compute_dtype(x.dtype));
    k.fill(acc, literal(0, acc.dtype));
    const Affine a = k.loop(fmt::format("i{}", axis), x.shape[axis]);
    i[axis] = choice.reverse ? Affine(x.shape[axis] - 1) - a : a;
    if (choice.exclusive) k.store(k.at(y, i), acc);
    k.binary_into(Fn::add, acc, acc, k.load(k.at(x, i)));
    if (!choice.exclusive) k.store(k.at(y, i), acc);
    k.done();
}

}  // namespace

void add_reduce_rules(RuleTable& t) {
    t[OpType::kReduceSum] = reduce_rule<Fn::add>;
    t[OpType::kReduceProd] = reduce_rule<Fn::mul>;
    t[OpType::kReduceMax] = reduce_extreme<Fn::max, Fn::or_>;
    t[OpType::kReduceMin] = reduce_extreme<Fn::min, Fn::and_>;
    t[OpType::kReduceMean] = reduce_mean;
    t[OpType::kReduceL2] = reduce_l2;
    t[OpType::kArgMax] = arg_max;
    t[OpType::kCumSum] = cum_sum;
}

}  // namespace smeaton::lower
