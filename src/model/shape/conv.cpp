// Shape rules of Conv and ConvTranspose.
#include "model/shape/rule.h"
#include "model/shape/window.h"

namespace smeaton::model {

namespace {

int64_t group_of(const Rule& rule) {
    const int64_t group = rule.attr("group", 1);
    if (group < 1) rule.fail("attribute group is {}; expected 1 or more", group);
    return group;
}

Shape with_spatial(const Dim& batch, const Dim& channels, const Shape& spatial) {
    Shape shape = {batch, channels};
    shape.insert(shape.end(), spatial.begin(), spatial.end());
    return shape;
}

void check_channels(Rule& rule, const Dim& expected) {
    if (!rule.unify(rule.shape(0)[1], expected)) {
        rule.fail("operands {} and {} disagree: {} channels, the weight expects {}",
                  rule.operand(0), rule.operand(1), rule.shape(0)[1].str(), expected.str());
    }
}

void conv(Rule& rule) {
    const Window window = conv_window(rule);
    const int64_t group = group_of(rule);
    const Shape& w = rule.shape(1);
    check_channels(rule, w[1] * group);
    if (w[0].is_const() && w[0].value() % group != 0) {
        rule.fail("the {} output channels of {} do not divide into {} groups", w[0].str(),
                  rule.operand(1), group);
    }
    if (rule.has(2)) rule.expect_vector(2, w[0], "bias");
    const DType dtype = rule.same_dtype({0, 1, 2});
    rule.output(0, dtype, with_spatial(rule.shape(0)[0], w[0], window.output));
}

void conv_transpose(Rule& rule) {
    const Window window = conv_transpose_window(rule);
    const int64_t group = group_of(rule);
    const Shape& w = rule.shape(1);
    check_channels(rule, w[0]);
    if (w[0].is_const() && w[0].value() % group != 0) {
        rule.fail("the {} input channels of {} do not divide into {} groups", w[0].str(),
                  rule.operand(1), group);
    }
    const Dim channels = w[1] * group;
    if (rule.has(2)) rule.expect_vector(2, channels, "bias");
    const DType dtype = rule.same_dtype({0, 1, 2});
    rule.output(0, dtype, with_spatial(rule.shape(0)[0], channels, window.output));
}

}  // namespace

void add_conv_rules(RuleTable& table) {
    row(table.shape, OpType::kConv) = conv;
    row(table.shape, OpType::kConvTranspose) = conv_transpose;
}

}  // namespace smeaton::model
