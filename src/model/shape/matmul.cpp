// Shape rules of MatMul and Gemm.
#include "model/shape/rule.h"

namespace smeaton::model {

namespace {

/// numpy's matmul: a vector is a row on the left, a column on the right; leading dims broadcast.
void matmul(Rule& rule) {
    rule.expect_rank_at_least(0, 1);
    rule.expect_rank_at_least(1, 1);
    const DType dtype = rule.same_dtype({0, 1});
    Shape a = rule.shape(0);
    Shape b = rule.shape(1);
    const bool row_vector = a.size() == 1;
    const bool column_vector = b.size() == 1;
    if (row_vector) a.insert(a.begin(), 1);
    if (column_vector) b.push_back(1);
    if (!rule.unify(a.back(), b[b.size() - 2])) {
        rule.fail("operands {} and {} disagree: {} columns against {} rows", rule.operand(0),
                  rule.operand(1), a.back().str(), b[b.size() - 2].str());
    }
    Shape result =
        rule.broadcast_shapes(Shape(a.begin(), a.end() - 2), Shape(b.begin(), b.end() - 2));
    if (!row_vector) result.push_back(a[a.size() - 2]);
    if (!column_vector) result.push_back(b.back());
    rule.output(0, dtype, result);
}

void gemm(Rule& rule) {
    rule.expect_rank(0, 2);
    rule.expect_rank(1, 2);
    const DType dtype = rule.same_dtype({0, 1, 2});
    const bool ta = rule.attr("transA", 0) != 0;
    const bool tb = rule.attr("transB", 0) != 0;
    const Shape& a = rule.shape(0);
    const Shape& b = rule.shape(1);
    if (!rule.unify(a[ta ? 0 : 1], b[tb ? 1 : 0])) {
        rule.fail("operands {} and {} disagree: inner sizes {} and {}", rule.operand(0),
                  rule.operand(1), a[ta ? 0 : 1].str(), b[tb ? 1 : 0].str());
    }
    const Shape result = {a[ta ? 1 : 0], b[tb ? 0 : 1]};
    if (rule.has(2)) {
        const Shape& c = rule.shape(2);
        bool fits = c.size() <= 2;
        for (size_t i = 0; fits && i < c.size(); ++i) {
            const Dim& d = c[c.size() - 1 - i];
            fits = d.is(1) || rule.unify(d, result[1 - i]).has_value();
        }
        if (!fits) {
            rule.fail("operand {} does not broadcast to {}", rule.operand(2), describe(result));
        }
    }
    rule.output(0, dtype, result);
}

}  // namespace

void add_matmul_rules(RuleTable& table) {
    row(table.shape, OpType::kMatMul) = matmul;
    row(table.shape, OpType::kGemm) = gemm;
}

}  // namespace smeaton::model
