#include "model/shape/reduce.h"

#include <algorithm>
#include <numeric>

#include "model/shape/rule.h"

namespace smeaton::model {

Reduction reduction_of(const NodeView& view) {
    Reduction result;
    result.keep_dims = view.attr("keepdims", 1) != 0;
    const int64_t rank = view.rank(0);
    if (view.node().op == OpType::kArgMax) {
        result.axes = {view.axis(view.attr("axis", 0), rank)};
        return result;
    }
    const bool as_operand = view.version() >= (view.node().op == OpType::kReduceSum ? 13 : 18);
    std::vector<int64_t> given;
    if (!as_operand) {
        given = view.attrs("axes", {});
    } else if (view.has(1)) {
        given = view.ints(1, "axes");
    }
    if (given.empty()) {
        if (as_operand && view.attr("noop_with_empty_axes", 0) != 0) return result;
        result.axes.resize(static_cast<size_t>(rank));
        std::iota(result.axes.begin(), result.axes.end(), int64_t{0});
        return result;
    }
    result.axes = view.axes(given, rank);
    std::sort(result.axes.begin(), result.axes.end());
    return result;
}

TopKChoice top_k_of(const NodeView& view) {
    TopKChoice result;
    const int64_t rank = view.rank(0);
    if (rank == 0) view.fail("{} must have one dim or more", view.operand(0));
    result.axis = view.axis(view.attr("axis", -1), rank);
    result.largest = view.attr("largest", 1) != 0;
    result.sorted = view.attr("sorted", 1) != 0;
    if (view.version() < 10) {
        result.k = view.attr("k", -1);
    } else {
        const std::vector<Dim> k = view.dims(1, "k");
        if (k.size() != 1) view.fail("operand {} must hold one number", view.operand(1));
        result.k = k[0];
    }
    const Dim& size = view.shape(0)[static_cast<size_t>(result.axis)];
    if (result.k.is_const() && result.k.value() < 0) {
        view.fail("k is {}; expected 0 or more", result.k.str());
    }
    if (result.k.is_const() && size.is_const() && result.k.value() > size.value()) {
        view.fail("k is {}, but axis {} of {} has {} elements", result.k.str(), result.axis,
                  view.operand(0), size.str());
    }
    return result;
}

CumSumChoice cum_sum_of(const NodeView& view) {
    const std::vector<int64_t> axis = view.ints(1, "axis");
    if (axis.size() != 1) view.fail("operand {} must hold one axis", view.operand(1));
    return {view.axis(axis[0], view.rank(0)), view.attr("exclusive", 0) != 0,
            view.attr("reverse", 0) != 0};
}

namespace {

Shape reduced_shape(const Shape& shape, const Reduction& reduction) {
    Shape result;
    for (size_t d = 0; d < shape.size(); ++d) {
        const bool reduced = std::binary_search(reduction.axes.begin(), reduction.axes.end(),
                                                static_cast<int64_t>(d));
        if (!reduced) {
            result.push_back(shape[d]);
        } else if (reduction.keep_dims) {
            result.emplace_back(1);
        }
    }
    return result;
}

void reduce(Rule& rule) {
    rule.output(0, rule.dtype(0), reduced_shape(rule.shape(0), reduction_of(rule)));
}

void arg_max(Rule& rule) {
    rule.expect_rank_at_least(0, 1);
    const Reduction reduction = reduction_of(rule);
    const Dim& size = rule.shape(0)[static_cast<size_t>(reduction.axes[0])];
    const Shape shape = reduced_shape(rule.shape(0), reduction);
    if (size.is(0) && !tensor::product(shape).is(0)) {
        rule.fail("axis {} of {} is empty: nothing to choose from", reduction.axes[0],
                  rule.operand(0));
    }
    rule.output(0, DType::kI64, shape);
}

void top_k(Rule& rule) {
    const TopKChoice choice = top_k_of(rule);
    Shape shape = rule.shape(0);
    shape[static_cast<size_t>(choice.axis)] = choice.k;
    rule.output(0, rule.dtype(0), shape);
    rule.output(1, DType::kI64, shape);
}

void cum_sum(Rule& rule) {
    cum_sum_of(rule);
    rule.same_as_input();
}

}  // namespace

void add_reduce_rules(RuleTable& table) {
    using enum OpType;
    for (OpType op : {kReduceMean, kReduceSum, kReduceMax, kReduceMin, kReduceProd, kReduceL2}) {
        row(table.shape, op) = reduce;
    }
    row(table.shape, kArgMax) = arg_max;
    row(table.shape, kTopK) = top_k;
    row(table.shape, kCumSum) = cum_sum;
}

}  // namespace smeaton::model
