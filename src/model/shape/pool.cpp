// Shape rules of the poolings.
#include "model/shape/rule.h"
#include "model/shape/window.h"

namespace smeaton::model {

namespace {

void pool(Rule& rule) {
    const Window window = pool_window(rule);
    Shape shape = {rule.shape(0)[0], rule.shape(0)[1]};
    shape.insert(shape.end(), window.output.begin(), window.output.end());
    rule.output(0, rule.dtype(0), shape);
    if (rule.node().op == OpType::kMaxPool) {
        const int64_t order = rule.attr("storage_order", 0);
        if (order != 0 && order != 1) {
            rule.fail("attribute storage_order is {}; expected 0 or 1", order);
        }
        rule.output(1, DType::kI64, shape);
    }
}

void global_pool(Rule& rule) {
    rule.expect_rank_at_least(0, 2);
    Shape shape = rule.shape(0);
    for (size_t d = 2; d < shape.size(); ++d) shape[d] = 1;
    rule.output(0, rule.dtype(0), shape);
}

}  // namespace

void add_pool_rules(RuleTable& table) {
    row(table.shape, OpType::kMaxPool) = pool;
    row(table.shape, OpType::kAveragePool) = pool;
    row(table.shape, OpType::kGlobalAveragePool) = global_pool;
    row(table.shape, OpType::kGlobalMaxPool) = global_pool;
}

}  // namespace smeaton::model
