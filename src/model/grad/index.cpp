// Gradients of gathers and scatters.
#include "model/grad/rule.h"
#include "model/grad/scatter.h"
#include "model/shape/move.h"

namespace smeaton::model {

namespace {

size_t at(int64_t d) {
    return static_cast<size_t>(d);
}

void gather_rule(Pullback& p) {
    const int64_t axis = move_axis(p.view());
    const Tensor* known = constant_input(p.composer().graph(), p.node(), 1);
    p.give(0, gather_adjoint(p.grad(), p.in(1), known, axis, p.in_shape()));
}

void gather_elements_rule(Pullback& p) {
    const int64_t axis = move_axis(p.view());
    const Sizes data = p.in_shape(0);
    Sizes one_row = data;
    one_row[at(axis)] = 1;
    if (p.in_shape(1) == one_row) {  // one element of each row: no sums
        Sizes along(data.size(), 1);
        along[at(axis)] = data[at(axis)];
        const Expr place = reshape(p.composer().positions(data[at(axis)]), along);
        const Expr here = equal(place, from_front(p.in(1), data[at(axis)]));
        return p.give(0, where(here, p.grad(), 0));
    }
    const Expr zeros = p.composer().filled(0, p.grad().dtype(), data);
    p.give(0, scatter_elements(zeros, p.in(1), p.grad(), axis, "add"));
}

/// Indices with those of the batch dims, which are known, put in front of each tuple.
Expr with_batch(Pullback& p, int64_t batch) {
    Expr indices = cast(p.in(1), DType::kI64);
    if (batch == 0) return indices;
    Sizes single = indices.shape();
    single.back() = 1;
    std::vector<Expr> parts;
    for (int64_t d = 0; d < batch; ++d) {
        Sizes along(single.size(), 1);
        along[at(d)] = single[at(d)];
        parts.push_back(expand(reshape(p.composer().positions(single[at(d)]), along), single));
    }
    parts.push_back(indices);
    return concat(parts, static_cast<int64_t>(single.size()) - 1);
}

void gather_nd_rule(Pullback& p) {
    const Expr zeros = p.composer().filled(0, p.grad().dtype(), p.in_shape());
    const Expr indices = with_batch(p, p.view().attr("batch_dims", 0));
    p.give(0, scatter_nd(zeros, indices, p.grad(), "add"));
}

/// ScatterElements and ScatterND under one roof.
struct Places {
    Expr indices;
    int64_t axis = 0;
    bool tuples = false;

    Expr scatter(Expr data, Expr updates, const std::string& reduction) const {
        return tuples ? scatter_nd(data, indices, updates, reduction)
                      : scatter_elements(data, indices, updates, axis, reduction);
    }
    Expr gather(Expr data) const {
        return tuples ? gather_nd(data, indices) : gather_elements(data, indices, axis);
    }
};

Expr zeros_like(Expr e) {
    return e.composer->filled(0, e.dtype(), e.shape());
}
Expr ones_like(Expr e) {
    return e.composer->filled(1, e.dtype(), e.shape());
}

/// 1 where the condition holds, else 0.
Expr counted(Expr condition, DType t) {
    return where(condition, condition.composer->number(1, t), 0);
}

/// y = data * product of the updates there: each gets the product of the others.
void scatter_product(Pullback& p, const Places& places) {
    const Expr data = p.in(0), updates = p.in(2), g = p.grad();
    if (p.wants(0)) p.give(0, g * places.scatter(ones_like(data), updates, "mul"));
    if (!p.wants(2)) return;
    const DType t = data.dtype();
    const Expr zero = equal(updates, 0), safe = where(zero, 1, updates);
    // Products of what is not 0 among the updates, and how many are 0.
    const Expr product = places.scatter(data, safe, "mul");
    const Expr zeros = places.gather(places.scatter(zeros_like(data), counted(zero, t), "add"));
    const Expr others = places.gather(g * product) / safe;
    const Expr at_zero = where(equal(zeros, 1), others, 0);
    p.give(2, where(zero, at_zero, where(equal(zeros, 0), others, 0)));
}

/// y = the extreme of data and the updates there; equal ones share the gradient.
void scatter_extreme(Pullback& p, const Places& places) {
    const Expr data = p.in(0), updates = p.in(2), y = p.out();
    const DType t = data.dtype();
    const Expr of_data = equal(data, y), of_update = equal(updates, places.gather(y));
    const Expr count = places.scatter(counted(of_data, t), counted(of_update, t), "add");
    const Expr share = p.grad() / count;
    if (p.wants(0)) p.give(0, where(of_data, share, 0));
    if (p.wants(2)) p.give(2, where(of_update, places.gather(share), 0));
}

void scatter_rule(Pullback& p) {
    Places places{p.in(1)};
    places.tuples = p.node().op == OpType::kScatterND;
    if (!places.tuples) places.axis = move_axis(p.view());
    const std::string reduction = p.view().text("reduction", "none");
    if (reduction == "mul") return scatter_product(p, places);
    if (reduction == "max" || reduction == "min") return scatter_extreme(p, places);
    const Expr g = p.grad();
    if (p.wants(0))
        p.give(0, reduction == "add" ? g : places.scatter(g, zeros_like(p.in(2)), "none"));
    if (p.wants(2)) p.give(2, places.gather(g));
}

}  // namespace

void add_index_gradients(GradientTable& table) {
    using enum OpType;
    row(table, kGather) = {gather_rule};
    row(table, kGatherElements) = {gather_elements_rule};
    row(table, kGatherND) = {gather_nd_rule};
    row(table, kScatterElements) = {scatter_rule};
    row(table, kScatterND) = {scatter_rule};
}

}  // namespace smeaton::model
