// Parameters and shape rule of Pad.
#include <algorithm>
#include <numeric>

#include "model/shape/move.h"
#include "model/shape/rule.h"

namespace smeaton::model {

Padding padding_of(const NodeView& view) {
    Padding padding;
    const auto rank = static_cast<size_t>(view.rank(0));
    std::vector<std::string> modes = {"constant", "reflect", "edge"};
    if (view.version() >= 19) modes.push_back("wrap");
    padding.mode = view.choice("mode", "constant", modes);
    const bool as_operand = view.version() >= 11;
    const std::vector<int64_t> pads =
        as_operand ? view.ints(1, "pads") : view.attrs("pads", view.attrs("paddings", {}));
    std::vector<int64_t> axes(rank);
    std::iota(axes.begin(), axes.end(), int64_t{0});
    if (view.version() >= 18 && view.has(3)) axes = view.axes(view.ints(3, "axes"), view.rank(0));
    if (pads.size() != 2 * axes.size()) {
        view.fail("{} pads for {} axes of {}; expected two each", pads.size(), axes.size(),
                  view.operand(0));
    }
    padding.begins.assign(rank, 0);
    padding.ends.assign(rank, 0);
    for (size_t i = 0; i < axes.size(); ++i) {
        const auto d = static_cast<size_t>(axes[i]);
        padding.begins[d] = pads[i];
        padding.ends[d] = pads[i + axes.size()];
        for (int64_t p : {pads[i], pads[i + axes.size()]}) {
            if (p > (int64_t{1} << 40) || p < -(int64_t{1} << 40)) {
                view.fail("its pads hold {}: too large", p);
            }
        }
    }
    return padding;
}

namespace {

void pad(Rule& rule) {
    const Padding padding = padding_of(rule);
    Shape shape = rule.shape(0);
    for (size_t d = 0; d < shape.size(); ++d) {
        const int64_t added = std::max<int64_t>(padding.begins[d], padding.ends[d]);
        if (padding.mode != "constant" && shape[d].is(0) && added > 0) {
            rule.fail("dim {} of {} is empty: mode {} has nothing to repeat", d, rule.operand(0),
                      padding.mode);
        }
        shape[d] += padding.begins[d] + padding.ends[d];
        if (shape[d].is_const() && shape[d].value() < 0) {
            rule.fail("its pads take more than the elements of dim {} of {}", d, rule.operand(0));
        }
    }
    if (rule.has(2)) {
        rule.same_dtype({0, 2});
        const Dim count = tensor::product(rule.shape(2));
        if (count.is_const() && !count.is(1)) {
            rule.fail("operand {} must be a scalar", rule.operand(2));
        }
    }
    rule.output(0, rule.dtype(0), shape);
}

}  // namespace

void add_pad_rules(RuleTable& table) {
    row(table.shape, OpType::kPad) = pad;
}

}  // namespace smeaton::model
