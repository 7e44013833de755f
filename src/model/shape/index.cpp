// Shape rules of Gather, GatherElements, GatherND, ScatterElements, ScatterND.
#include "model/shape/rule.h"

namespace smeaton::model {

namespace {

void expect_indices(const Rule& rule, size_t k) {
    if (!tensor::is_integer(rule.dtype(k))) {
        rule.fail("indices {} must be integers", rule.operand(k));
    }
}

/// Known indices outside [-size, size) are told now, not when running.
void check_known_indices(const Rule& rule, size_t k, const Dim& size) {
    const KnownPtr indices = rule.try_known(k);
    if (!indices || !size.is_const()) return;
    for (const Dim& i : indices->ints) {
        if (i.is_const() && (i.value() >= size.value() || i.value() < -size.value())) {
            rule.fail("index {} is outside the {} elements of {}", i.str(), size.str(),
                      rule.operand(0));
        }
    }
}

void gather(Rule& rule) {
    rule.expect_rank_at_least(0, 1);
    expect_indices(rule, 1);
    const auto axis = static_cast<size_t>(rule.axis(rule.attr("axis", 0), rule.rank(0)));
    const Shape& data = rule.shape(0);
    const Shape& indices = rule.shape(1);
    check_known_indices(rule, 1, data[axis]);
    Shape shape(data.begin(), data.begin() + static_cast<int64_t>(axis));
    shape.insert(shape.end(), indices.begin(), indices.end());
    shape.insert(shape.end(), data.begin() + static_cast<int64_t>(axis) + 1, data.end());
    rule.output(0, rule.dtype(0), shape);
}

/// `inner` must not be larger than `outer` in any dim but `axis`.
void expect_inside(const Rule& rule, size_t inner, size_t outer, size_t axis) {
    rule.expect_rank(inner, rule.rank(outer));
    for (size_t d = 0; d < rule.shape(outer).size(); ++d) {
        const Dim& i = rule.shape(inner)[d];
        const Dim& o = rule.shape(outer)[d];
        if (d != axis && i.is_const() && o.is_const() && i.value() > o.value()) {
            rule.fail("operand {} is larger than {} in dim {}", rule.operand(inner),
                      rule.operand(outer), d);
        }
    }
}

void gather_elements(Rule& rule) {
    rule.expect_rank_at_least(0, 1);
    expect_indices(rule, 1);
    const auto axis = static_cast<size_t>(rule.axis(rule.attr("axis", 0), rule.rank(0)));
    expect_inside(rule, 1, 0, axis);
    check_known_indices(rule, 1, rule.shape(0)[axis]);
    rule.output(0, rule.dtype(0), rule.shape(1));
}

/// The last dim of the indices: how many dims of data (after the batch dims) one index names.
int64_t index_depth(const Rule& rule, int64_t batch) {
    rule.expect_rank_at_least(0, 1);
    rule.expect_rank_at_least(1, 1);
    expect_indices(rule, 1);
    const Dim& last = rule.shape(1).back();
    if (!last.is_const()) rule.fail("the last dim of {} must be known", rule.operand(1));
    if (last.value() < 1 || last.value() > rule.rank(0) - batch) {
        rule.fail("the last dim of {} must be between 1 and {}", rule.operand(1),
                  rule.rank(0) - batch);
    }
    return last.value();
}

void gather_nd(Rule& rule) {
    const int64_t batch = rule.attr("batch_dims", 0);
    if (batch < 0 || batch >= std::min(rule.rank(0), rule.rank(1))) {
        rule.fail("attribute batch_dims is {}; operands are {} and {}", batch, rule.operand(0),
                  rule.operand(1));
    }
    const int64_t depth = index_depth(rule, batch);
    const Shape& data = rule.shape(0);
    const Shape& indices = rule.shape(1);
    for (size_t d = 0; d < static_cast<size_t>(batch); ++d) {
        if (!rule.unify(data[d], indices[d])) {
            rule.fail("operands {} and {} disagree in batch dim {}", rule.operand(0),
                      rule.operand(1), d);
        }
    }
    Shape shape(indices.begin(), indices.end() - 1);
    shape.insert(shape.end(), data.begin() + batch + depth, data.end());
    rule.output(0, rule.dtype(0), shape);
}

void expect_reduction(const Rule& rule) {
    rule.choice("reduction", "none", {"none", "add", "mul", "max", "min"});
    rule.same_dtype({0, 2});
}

void scatter_elements(Rule& rule) {
    rule.expect_rank_at_least(0, 1);
    expect_indices(rule, 1);
    expect_reduction(rule);
    const auto axis = static_cast<size_t>(rule.axis(rule.attr("axis", 0), rule.rank(0)));
    expect_inside(rule, 1, 0, axis);
    check_known_indices(rule, 1, rule.shape(0)[axis]);
    rule.expect_rank(2, rule.rank(1));
    for (size_t d = 0; d < rule.shape(1).size(); ++d) {
        if (!rule.unify(rule.shape(1)[d], rule.shape(2)[d])) {
            rule.fail("operands {} and {} disagree", rule.operand(1), rule.operand(2));
        }
    }
    rule.same_as_input();
}

void scatter_nd(Rule& rule) {
    expect_reduction(rule);
    const int64_t depth = index_depth(rule, 0);
    const Shape& data = rule.shape(0);
    Shape expected(rule.shape(1).begin(), rule.shape(1).end() - 1);
    expected.insert(expected.end(), data.begin() + depth, data.end());
    const Shape& updates = rule.shape(2);
    bool fits = updates.size() == expected.size();
    for (size_t d = 0; fits && d < expected.size(); ++d) {
        fits = rule.unify(updates[d], expected[d]).has_value();
    }
    if (!fits) rule.fail("updates {} must have shape {}", rule.operand(2), describe(expected));
    rule.same_as_input();
}

}  // namespace

void add_index_rules(RuleTable& table) {
    row(table.shape, OpType::kGather) = gather;
    row(table.shape, OpType::kGatherElements) = gather_elements;
    row(table.shape, OpType::kGatherND) = gather_nd;
    row(table.shape, OpType::kScatterElements) = scatter_elements;
    row(table.shape, OpType::kScatterND) = scatter_nd;
}

}  // namespace smeaton::model
