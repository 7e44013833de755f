#include "model/shape/norm.h"

#include "model/shape/rule.h"

namespace smeaton::model {

AxisRange softmax_axes(const NodeView& view) {
    const bool single = view.version() >= 13;
    const int64_t rank = view.rank(0);
    const int64_t axis = view.axis(view.attr("axis", single ? -1 : 1), rank);
    return {axis, single ? axis + 1 : rank};
}

AxisRange layer_norm_axes(const NodeView& view) {
    return {view.axis(view.attr("axis", -1), view.rank(0)), view.rank(0)};
}

bool batch_norm_trains(const NodeView& view) {
    return view.version() >= 14 ? view.attr("training_mode", 0) != 0
                                : view.node().outputs.size() > 1;
}

namespace {

void softmax(Rule& rule) {
    softmax_axes(rule);
    rule.same_as_input();
}

void lrn(Rule& rule) {
    rule.expect_rank_at_least(0, 2);
    const int64_t size = rule.attr("size", 0);
    if (size < 1) rule.fail("attribute size is {}; expected 1 or more", size);
    rule.same_as_input();
}

/// Outputs after Y: since version 14 running mean and variance (training), before that also the
/// saved ones.
void batch_norm(Rule& rule) {
    rule.expect_rank_at_least(0, 1);
    const Shape& x = rule.shape(0);
    const bool spatial = rule.version() >= 9 || rule.attr("spatial", 1) != 0;
    const Dim channels = x.size() > 1 ? x[1] : Dim(1);
    for (size_t k = 1; k <= 4; ++k) {
        if (spatial) {
            rule.expect_vector(k, channels, "per-channel operand");
            continue;
        }
        const Shape expected(x.begin() + 1, x.end());
        if (rule.shape(k) != expected) {
            rule.fail("operand {} must have shape {} (spatial is 0)", rule.operand(k),
                      describe(expected));
        }
    }
    rule.same_as_input();
    for (size_t k = 1; k < rule.output_count(); ++k) {
        rule.output(k, rule.dtype(k % 2 == 1 ? 3 : 4), rule.shape(3));
    }
}

void instance_norm(Rule& rule) {
    rule.expect_rank_at_least(0, 3);
    rule.expect_vector(1, rule.shape(0)[1], "scale");
    rule.expect_vector(2, rule.shape(0)[1], "bias");
    rule.same_as_input();
}

void group_norm(Rule& rule) {
    rule.expect_rank_at_least(0, 2);
    const int64_t groups = rule.attr("num_groups", 0);
    const Dim& channels = rule.shape(0)[1];
    if (groups < 1) rule.fail("attribute num_groups is {}; expected 1 or more", groups);
    if (channels.is_const() && channels.value() % groups != 0) {
        rule.fail("the {} channels of {} do not divide into {} groups", channels.str(),
                  rule.operand(0), groups);
    }
    const Dim each = rule.version() >= 21 ? channels : Dim(groups);
    rule.expect_vector(1, each, "scale");
    rule.expect_vector(2, each, "bias");
    rule.same_as_input();
}

void layer_norm(Rule& rule) {
    const AxisRange range = layer_norm_axes(rule);
    Shape normalised = rule.shape(0);
    for (size_t k = 1; k <= 2; ++k) {
        if (!rule.has(k)) continue;
        const bool wide = rule.dtype(0) == DType::kF64;
        if (!tensor::is_float(rule.dtype(k)) || (rule.dtype(k) == DType::kF64) != wide) {
            rule.fail("operand {} does not fit the dtype of {}", rule.operand(k), rule.operand(0));
        }
        // Scale and bias broadcast to the operand without growing it.
        if (rule.rank(k) > rule.rank(0) ||
            rule.broadcast_shapes(rule.shape(0), rule.shape(k)) != rule.shape(0)) {
            rule.fail("operand {} does not broadcast to {}", rule.operand(k), rule.operand(0));
        }
    }
    rule.same_as_input();
    for (int64_t d = range.begin; d < range.end; ++d) normalised[static_cast<size_t>(d)] = 1;
    const int64_t stash = rule.attr("stash_type", 1);
    if (stash != 1 && stash != 10 && stash != 11 && stash != 16) {
        rule.fail("attribute stash_type is {}; expected a float type's number", stash);
    }
    const DType saved = rule.dtype(0) == DType::kF64 ? DType::kF64 : DType::kF32;
    rule.output(1, saved, normalised);
    rule.output(2, saved, normalised);
}

}  // namespace

void add_norm_rules(RuleTable& table) {
    row(table.shape, OpType::kSoftmax) = softmax;
    row(table.shape, OpType::kLogSoftmax) = softmax;
    row(table.shape, OpType::kLRN) = lrn;
    row(table.shape, OpType::kBatchNormalization) = batch_norm;
    row(table.shape, OpType::kInstanceNormalization) = instance_norm;
    row(table.shape, OpType::kGroupNormalization) = group_norm;
    row(table.shape, OpType::kLayerNormalization) = layer_norm;
    row(table.shape, OpType::kRMSNormalization) = layer_norm;
}

}  // namespace smeaton::model
