#include "model/shape/resize.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "model/shape/rule.h"

namespace smeaton::model {

namespace {

/// An operand that is given and has elements ("" and an empty tensor both mean left out).
bool given(const NodeView& view, size_t k) {
    return view.has(k) && !tensor::product(view.shape(k)).is(0);
}

bool is_upsample(const NodeView& view) {
    return view.node().op == OpType::kUpsample;
}

void read_modes(const NodeView& view, ResizeChoice& choice) {
    if (is_upsample(view) || view.version() < 11) {
        choice.mode = view.choice("mode", "nearest", {"nearest", "linear"});
        choice.coordinates = "asymmetric";
        choice.nearest = "inwards";
        return;
    }
    choice.mode = view.choice("mode", "nearest", {"nearest", "linear", "cubic"});
    std::vector<std::string> coordinates = {"half_pixel", "pytorch_half_pixel", "align_corners",
                                            "asymmetric", "tf_crop_and_resize"};
    if (view.version() < 13) coordinates.push_back("tf_half_pixel_for_nn");
    if (view.version() >= 19) coordinates.push_back("half_pixel_symmetric");
    choice.coordinates = view.choice("coordinate_transformation_mode", "half_pixel", coordinates);
    choice.nearest = view.choice("nearest_mode", "round_prefer_floor",
                                 {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"});
    choice.cubic_a = view.number("cubic_coeff_a", -0.75);
    choice.exclude_outside = view.attr("exclude_outside", 0) != 0;
    choice.extrapolation = view.number("extrapolation_value", 0);
    choice.antialias = view.attr("antialias", 0) != 0;
}

void read_roi(const NodeView& view, const std::vector<int64_t>& axes, ResizeChoice& choice) {
    const size_t rank = view.shape(0).size();
    choice.roi_start.assign(rank, 0);
    choice.roi_end.assign(rank, 1);
    if (choice.coordinates != "tf_crop_and_resize") return;
    if (!given(view, 1)) view.fail("tf_crop_and_resize needs the operand roi");
    const std::vector<double> roi = view.numbers(1, "roi");
    if (roi.size() != 2 * axes.size()) {
        view.fail("roi {} must hold {} numbers", view.operand(1), 2 * axes.size());
    }
    for (size_t i = 0; i < axes.size(); ++i) {
        choice.roi_start[static_cast<size_t>(axes[i])] = roi[i];
        choice.roi_end[static_cast<size_t>(axes[i])] = roi[i + axes.size()];
    }
}

/// floor(size * scale) in single precision, as files expect it.
Dim scaled(const NodeView& view, const Dim& size, double scale) {
    if (size.is_const()) {
        const float exact = static_cast<float>(size.value()) * static_cast<float>(scale);
        if (!(exact < 1e15f)) view.fail("scale {} makes a dim of {} too large", scale, size.str());
        return static_cast<int64_t>(std::floor(exact));
    }
    const bool moderate = scale < 1e9 && scale > 1e-9;
    if (moderate && scale == std::floor(scale)) return size * static_cast<int64_t>(scale);
    const double inverse = moderate ? std::round(1 / scale) : 0;
    if (inverse > 0 && static_cast<float>(1 / inverse) == static_cast<float>(scale)) {
        return tensor::floor_div(size, static_cast<int64_t>(inverse));
    }
    view.fail("scale {} needs the dim {} bound; bind it with --dim {}=VALUE", scale, size.str(),
              size.symbols().front().str());
}

/// Version 7 of Upsample: an attribute.
std::vector<double> listed_scales(const NodeView& view) {
    const auto* floats = std::get_if<std::vector<double>>(&view.node().attributes.at("scales"));
    if (!floats) view.fail("attribute scales must be a list of floats");
    return *floats;
}

void apply_scales(const NodeView& view, const std::vector<double>& scales,
                  const std::vector<int64_t>& axes, ResizeChoice& choice) {
    if (scales.size() != axes.size()) {
        view.fail("it has {} scales; expected {}", scales.size(), axes.size());
    }
    for (size_t i = 0; i < axes.size(); ++i) {
        const auto d = static_cast<size_t>(axes[i]);
        if (!(scales[i] > 0)) view.fail("scale {} of dim {} must be positive", scales[i], d);
        choice.scales[d] = scales[i];
        choice.output[d] = scaled(view, choice.output[d], scales[i]);
    }
}

double ratio(const Dim& to, const Dim& from) {
    if (!to.is_const() || !from.is_const()) {
        return to == from ? 1 : std::numeric_limits<double>::quiet_NaN();
    }
    if (from.is(0)) return 1;
    return static_cast<float>(to.value()) / static_cast<float>(from.value());
}

void apply_sizes(const NodeView& view, size_t k, const std::vector<int64_t>& axes,
                 ResizeChoice& choice) {
    const std::vector<Dim> sizes = view.dims(k, "sizes");
    if (sizes.size() != axes.size()) {
        view.fail("sizes {} must hold {} numbers", view.operand(k), axes.size());
    }
    const std::string policy = view.choice("keep_aspect_ratio_policy", "stretch",
                                           {"stretch", "not_larger", "not_smaller"});
    const Shape& from = view.shape(0);
    double common = std::numeric_limits<double>::quiet_NaN();
    for (size_t i = 0; i < axes.size(); ++i) {
        const auto d = static_cast<size_t>(axes[i]);
        if (sizes[i].is_const() && sizes[i].value() < 0) view.fail("size {}", sizes[i].str());
        if (from[d].is(0) && !sizes[i].is(0)) {
            view.fail("dim {} of {} is empty and cannot grow", d, view.operand(0));
        }
        choice.output[d] = sizes[i];
        choice.scales[d] = ratio(sizes[i], from[d]);
        if (i == 0) {
            common = choice.scales[d];
        } else if (policy == "not_larger") {
            common = std::min(common, choice.scales[d]);
        } else {
            common = std::max(common, choice.scales[d]);
        }
    }
    if (policy == "stretch") return;
    for (int64_t axis : axes) {
        const auto d = static_cast<size_t>(axis);
        if (!from[d].is_const() || std::isnan(common)) {
            view.fail("keep_aspect_ratio_policy needs dim {} of {} bound; bind it with --dim", d,
                      view.operand(0));
        }
        const float size = static_cast<float>(common) * static_cast<float>(from[d].value());
        if (!(size < 1e15f)) view.fail("its sizes make dim {} of {} too large", d, view.operand(0));
        choice.scales[d] = common;
        choice.output[d] = static_cast<int64_t>(std::round(size));
    }
}

}  // namespace

ResizeChoice resize_of(const NodeView& view) {
    if (is_upsample(view) && view.version() >= 10) {
        view.fail("ai.onnx {} has no Upsample any more; Resize has taken its place",
                  view.version());
    }
    ResizeChoice choice;
    read_modes(view, choice);
    choice.output = view.shape(0);
    choice.scales.assign(choice.output.size(), 1);
    std::vector<int64_t> axes(choice.output.size());
    std::iota(axes.begin(), axes.end(), int64_t{0});
    if (view.version() >= 18) axes = view.axes(view.attrs("axes", axes), view.rank(0));
    read_roi(view, axes, choice);
    if (is_upsample(view) && view.version() < 9) {
        apply_scales(view, listed_scales(view), axes, choice);
        return choice;
    }
    const size_t scales_at = view.version() < 11 ? 1 : 2;
    const bool has_sizes = view.version() >= 11 && given(view, 3);
    if (given(view, scales_at) && has_sizes) view.fail("both scales and sizes are given");
    if (has_sizes) {
        apply_sizes(view, 3, axes, choice);
    } else if (given(view, scales_at)) {
        apply_scales(view, view.numbers(scales_at, "scales"), axes, choice);
    } else {
        view.fail("neither scales nor sizes are given");
    }
    return choice;
}

namespace {

void resize(Rule& rule) {
    const ResizeChoice choice = resize_of(rule);
    if (choice.mode != "nearest" &&
        tensor::dtype_class(rule.dtype(0)) == tensor::DTypeClass::Bool) {
        rule.fail("mode {} cannot blend {}", choice.mode, rule.operand(0));
    }
    rule.output(0, rule.dtype(0), choice.output);
}

}  // namespace

void add_resize_rules(RuleTable& table) {
    row(table.shape, OpType::kResize) = resize;
    row(table.shape, OpType::kUpsample) = resize;
}

}  // namespace smeaton::model
