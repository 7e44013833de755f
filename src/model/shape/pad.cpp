// Parameters and shape rule of Pad.
#include <algorithm>
#include <numeric>

#include "model/shape/move.h"
#include "model/shape/rule.h"

namespace smeaton::model {

namespace {

/// Begin and end pads by dim of the operand; they may depend on unbound dims.
struct PadDims {
    std::vector<Dim> begins;
    std::vector<Dim> ends;
    std::string mode;
};

PadDims pad_dims(const NodeView& view) {
    PadDims padding;
    const auto rank = static_cast<size_t>(view.rank(0));
    std::vector<std::string> modes = {"constant", "reflect", "edge"};
    if (view.version() >= 19) modes.push_back("wrap");
    padding.mode = view.choice("mode", "constant", modes);
    const bool as_operand = view.version() >= 11;
    const std::vector<Dim> pads =
        as_operand ? view.dims(1, "pads") : to_dims(view.attrs("pads", view.attrs("paddings", {})));
    std::vector<int64_t> axes(rank);
    std::iota(axes.begin(), axes.end(), int64_t{0});
    if (view.version() >= 18 && view.has(3)) axes = view.axes(view.ints(3, "axes"), view.rank(0));
    if (pads.size() != 2 * axes.size()) {
        view.fail("{} pads for {} axes of {}; expected two each", pads.size(), axes.size(),
                  view.operand(0));
    }
    for (const Dim& p : pads) {
        if (p.is_const() && (p.value() > (int64_t{1} << 40) || p.value() < -(int64_t{1} << 40))) {
            view.fail("its pads hold {}: too large", p.str());
        }
    }
    padding.begins.assign(rank, 0);
    padding.ends.assign(rank, 0);
    for (size_t i = 0; i < axes.size(); ++i) {
        padding.begins[static_cast<size_t>(axes[i])] = pads[i];
        padding.ends[static_cast<size_t>(axes[i])] = pads[i + axes.size()];
    }
    return padding;
}

}  // namespace

Padding padding_of(const NodeView& view) {
    const PadDims dims = pad_dims(view);
    const auto begins = const_shape(dims.begins);
    const auto ends = const_shape(dims.ends);
    if (!begins || !ends) view.fail("its pads depend on unbound dims; bind them with --dim");
    return {*begins, *ends, dims.mode};
}

int64_t padded_source(const std::string& mode, int64_t at, int64_t extent) {
    if (mode == "edge") return std::min(std::max<int64_t>(at, 0), extent - 1);
    const int64_t period = mode == "wrap" ? extent : std::max<int64_t>(1, 2 * (extent - 1));
    const int64_t m = ((at % period) + period) % period;
    return m < extent ? m : period - m;
}

namespace {

void pad(Rule& rule) {
    const PadDims padding = pad_dims(rule);
    Shape shape = rule.shape(0);
    for (size_t d = 0; d < shape.size(); ++d) {
        auto adds = [](const Dim& p) { return p.is_const() && p.value() > 0; };
        const bool grows = adds(padding.begins[d]) || adds(padding.ends[d]);
        if (padding.mode != "constant" && shape[d].is(0) && grows) {
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
