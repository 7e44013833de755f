// Gradients of reductions, CumSum and TopK.
#include "model/shape/reduce.h"

#include "model/grad/rule.h"
#include "model/grad/scatter.h"

namespace smeaton::model {

namespace {

/// A result's value under the operand's rank: reduced axes have size 1 again.
struct Kept {
    std::vector<int64_t> axes;
    Sizes shape;
    double count = 1;
};

Kept kept(Pullback& p) {
    Kept k{reduction_of(p.view()).axes, p.in_shape()};
    for (int64_t d : k.axes) {
        int64_t& size = k.shape[static_cast<size_t>(d)];
        k.count *= static_cast<double>(size);
        size = 1;
    }
    return k;
}

void reduce_sum(Pullback& p) {
    p.give(0, expand(reshape(p.grad(), kept(p).shape), p.in_shape()));
}

void reduce_mean(Pullback& p) {
    const Kept k = kept(p);
    p.give(0, expand(reshape(p.grad() * (1 / k.count), k.shape), p.in_shape()));
}

/// Equal extremes share the gradient evenly, as in PyTorch's amax and amin.
void reduce_extreme(Pullback& p) {
    const Kept k = kept(p);
    const Expr here = equal(p.in(), reshape(p.out(), k.shape));
    const Expr ones = where(here, p.composer().number(1, p.in().dtype()), 0);
    p.give(0, where(here, reshape(p.grad(), k.shape) / sum(ones, k.axes), 0));
}

/// The product of the other elements: y / x without zeros; with one zero it is not 0 there only.
void reduce_prod(Pullback& p) {
    const Kept k = kept(p);
    const Expr x = p.in(), zero = equal(x, 0);
    const Expr safe = where(zero, 1, x);
    Composer& c = p.composer();
    Expr others = safe;  // the product of the elements that are not 0
    if (!k.axes.empty())
        others = c.node(OpType::kReduceProd, {safe, c.ints(k.axes)}, {}, x.dtype(), k.shape);
    const Expr zeros = sum(where(zero, c.number(1, x.dtype()), 0), k.axes);
    const Expr at_zero = where(equal(zeros, 1), others, 0);
    const Expr elsewhere = where(equal(zeros, 0), others / safe, 0);
    p.give(0, reshape(p.grad(), k.shape) * where(zero, at_zero, elsewhere));
}

/// x / y, 0 where the norm is 0.
void reduce_l2(Pullback& p) {
    const Kept k = kept(p);
    const Expr y = reshape(p.out(), k.shape), none = equal(y, 0);
    p.give(0, p.in() * where(none, 0, reshape(p.grad(), k.shape) / where(none, 1, y)));
}

void cum_sum(Pullback& p) {
    const CumSumChoice choice = cum_sum_of(p.view());
    Composer& c = p.composer();
    Tensor axis(DType::kI64, {});
    axis.set_from_int(0, choice.axis);
    p.give(0,
           c.node(OpType::kCumSum, {p.grad(), c.constant(std::move(axis), "axis")},
                  {{"exclusive", int64_t{choice.exclusive}}, {"reverse", int64_t{!choice.reverse}}},
                  p.grad().dtype(), p.in_shape()));
}

void top_k(Pullback& p) {
    const int64_t axis = top_k_of(p.view()).axis;
    const Expr zeros = p.composer().filled(0, p.in().dtype(), p.in_shape());
    p.give(0, scatter_elements(zeros, p.out(1), p.grad(), axis, "none"));
}

}  // namespace

void add_reduce_gradients(GradientTable& table) {
    using enum OpType;
    row(table, kReduceSum) = {reduce_sum};
    row(table, kReduceMean) = {reduce_mean};
    row(table, kReduceMax) = {reduce_extreme};
    row(table, kReduceMin) = {reduce_extreme};
    row(table, kReduceProd) = {reduce_prod};
    row(table, kReduceL2) = {reduce_l2};
    row(table, kCumSum) = {cum_sum};
    row(table, kTopK) = {top_k};
}

}  // namespace smeaton::model
