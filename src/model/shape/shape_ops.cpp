#include "model/shape/shape_ops.h"

#include <algorithm>
#include <cmath>

#include "model/shape/rule.h"

namespace smeaton::model {

DimRange shape_range(const NodeView& view) {
    const int64_t rank = view.rank(0);
    auto clamped = [&](int64_t v) { return std::clamp<int64_t>(v < 0 ? v + rank : v, 0, rank); };
    const int64_t begin = clamped(view.attr("start", 0));
    return {begin, std::max(begin, clamped(view.attr("end", rank)))};
}

namespace {

const Tensor* tensor_attr(const NodeView& view, const char* key) {
    const auto at = view.node().attributes.find(key);
    if (at == view.node().attributes.end()) return nullptr;
    const Tensor* tensor = std::get_if<Tensor>(&at->second);
    if (!tensor) view.fail("attribute {} must be a tensor", key);
    return tensor;
}

}  // namespace

Tensor constant_value(const NodeView& view) {
    if (const Tensor* value = tensor_attr(view, "value")) return *value;
    const Attributes& all = view.node().attributes;
    if (view.has_attr("value_int")) {
        Tensor one(DType::kI64, {});
        one.set_from_int(0, view.attr("value_int", 0));
        return one;
    }
    if (view.has_attr("value_ints")) return tensor::of_i64(view.attrs("value_ints", {}));
    if (view.has_attr("value_float")) {
        return tensor::scalar_f32(static_cast<float>(view.number("value_float", 0)));
    }
    if (view.has_attr("value_string")) {
        return Tensor::of_strings({}, {view.text("value_string", "")});
    }
    if (const auto at = all.find("value_floats"); at != all.end()) {
        const auto* floats = std::get_if<std::vector<double>>(&at->second);
        if (!floats) view.fail("attribute value_floats must be a list of floats");
        Tensor list(DType::kF32, {static_cast<int64_t>(floats->size())});
        for (size_t i = 0; i < floats->size(); ++i) {
            list.set_from_double(static_cast<int64_t>(i), (*floats)[i]);
        }
        return list;
    }
    if (const auto at = all.find("value_strings"); at != all.end()) {
        const auto* texts = std::get_if<std::vector<std::string>>(&at->second);
        if (!texts) view.fail("attribute value_strings must be a list of strings");
        return Tensor::of_strings({static_cast<int64_t>(texts->size())}, *texts);
    }
    view.fail("it has no value (sparse values are not supported)");
}

Tensor fill_value(const NodeView& view) {
    const Tensor* value = tensor_attr(view, "value");
    if (!value) return tensor::scalar_f32(0);
    if (value->elements() != 1) view.fail("attribute value must hold one element");
    return value->reshaped({});
}

namespace {

void shape(Rule& rule) {
    const DimRange range = shape_range(rule);
    rule.output(0, DType::kI64, {range.end - range.begin});
}

void shape_value(Rule& rule) {
    const DimRange range = shape_range(rule);
    const Shape& x = rule.shape(0);
    rule.output_ints(0, {x.begin() + range.begin, x.begin() + range.end});
}

void size(Rule& rule) {
    rule.output(0, DType::kI64, {});
}

void size_value(Rule& rule) {
    rule.output_ints(0, {tensor::product(rule.shape(0))});
}

void state_elements(Rule& rule, const Known& known) {
    if (tensor::is_float(known.dtype)) {
        rule.output_floats(0, known.floats);
    } else {
        rule.output_ints(0, known.ints);
    }
}

void constant(Rule& rule) {
    const Tensor value = constant_value(rule);
    rule.output(0, value.dtype(), to_dims(value.shape()));
}

void constant_known(Rule& rule) {
    if (KnownPtr known = known_from(constant_value(rule))) state_elements(rule, *known);
}

void constant_of_shape(Rule& rule) {
    const std::vector<Dim> target = rule.dims(0, "shape");
    for (const Dim& d : target) {
        if (d.is_const() && d.value() < 0) rule.fail("its shape {} is negative", describe(target));
    }
    rule.output(0, fill_value(rule).dtype(), target);
}

void constant_of_shape_value(Rule& rule) {
    const auto shape = rule.small_output(0);
    const KnownPtr one = known_from(fill_value(rule));
    if (!shape || !one) return;
    Known all = *one;
    const auto count = static_cast<size_t>(element_count(*shape));
    if (tensor::is_float(all.dtype)) {
        all.floats.assign(count, one->floats.at(0));
    } else {
        all.ints.assign(count, one->ints.at(0));
    }
    state_elements(rule, all);
}

struct RangeBounds {
    bool floats = false;
    Dim start, delta, count;
    double first = 0, step = 0;
};

RangeBounds range_bounds(const NodeView& view) {
    RangeBounds result;
    const KnownPtr start = view.known(0, "start");
    const KnownPtr limit = view.known(1, "limit");
    const KnownPtr delta = view.known(2, "delta");
    for (size_t k = 0; k < 3; ++k) {
        if (view.known(k, "bound")->elements() != 1) {
            view.fail("operand {} must be a scalar", view.operand(k));
        }
    }
    result.floats = tensor::is_float(start->dtype);
    if (result.floats) {
        result.first = start->floats[0];
        result.step = delta->floats[0];
        const double count = std::ceil((limit->floats[0] - result.first) / result.step);
        if (result.step == 0) view.fail("delta is 0");
        if (!(std::fabs(count) < 1e15)) view.fail("its length is no number");
        result.count = std::max<int64_t>(0, static_cast<int64_t>(count));
        return result;
    }
    result.start = start->ints[0];
    result.delta = delta->ints[0];
    if (!result.delta.is_const()) view.fail("delta {} must be a number", result.delta.str());
    const int64_t step = result.delta.value();
    if (step == 0) view.fail("delta is 0");
    const Dim span = step > 0 ? limit->ints[0] - result.start : result.start - limit->ints[0];
    const bool none = span.is_const() && span.value() <= 0;
    result.count = none ? Dim(0) : tensor::ceil_div(span, step > 0 ? step : -step);
    return result;
}

void range(Rule& rule) {
    const DType dtype = rule.same_dtype({0, 1, 2});
    rule.output(0, dtype, {range_bounds(rule).count});
}

void range_value(Rule& rule) {
    const auto shape = rule.small_output(0);
    if (!shape) return;
    const RangeBounds bounds = range_bounds(rule);
    std::vector<Dim> ints;
    std::vector<double> floats;
    for (int64_t i = 0; i < (*shape)[0]; ++i) {
        if (bounds.floats) {
            floats.push_back(bounds.first + static_cast<double>(i) * bounds.step);
        } else {
            ints.push_back(bounds.start + bounds.delta * i);
        }
    }
    if (bounds.floats) {
        rule.output_floats(0, std::move(floats));
    } else {
        rule.output_ints(0, std::move(ints));
    }
}

}  // namespace

void add_shape_rules(RuleTable& table) {
    row(table.shape, OpType::kShape) = shape;
    row(table.value, OpType::kShape) = shape_value;
    row(table.shape, OpType::kSize) = size;
    row(table.value, OpType::kSize) = size_value;
    row(table.shape, OpType::kConstant) = constant;
    row(table.value, OpType::kConstant) = constant_known;
    row(table.shape, OpType::kConstantOfShape) = constant_of_shape;
    row(table.value, OpType::kConstantOfShape) = constant_of_shape_value;
    row(table.shape, OpType::kRange) = range;
    row(table.value, OpType::kRange) = range_value;
}

}  // namespace smeaton::model
