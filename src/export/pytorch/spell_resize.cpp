// Resize: nn.Upsample where PyTorch has the same arithmetic.
#include <fmt/format.h>

#include <cmath>

#include "export/pytorch/speller.h"
#include "model/shape/resize.h"
#include "model/shape/resize_table.h"

namespace smeaton::pytorch {

using model::OpType;
using model::ResizeChoice;

namespace {

/// Sizes to look at along one axis: its own, or, where it is open and grows by a whole number
/// (which repeats the same pattern from element to element), a few.
std::vector<model::ResizeAxis> samples(Speller& s, const ResizeChoice& r, size_t d) {
    const Dim& in = s.shape(0)[d];
    const double scale = r.scales[d];
    if (in.is_const() && r.output[d].is_const()) {
        const double given = std::isnan(scale) ? static_cast<double>(r.output[d].value()) /
                                                     static_cast<double>(in.value())
                                               : scale;
        return {{in.value(), r.output[d].value(), given}};
    }
    if (std::isnan(scale) || scale != std::floor(scale) || scale < 1) return {};
    std::vector<model::ResizeAxis> few;
    for (int64_t n = 1; n <= 8; ++n) few.push_back({n, n * static_cast<int64_t>(scale), scale});
    return few;
}

/// The element that mode "nearest" or "nearest-exact" of PyTorch reads.
int64_t nearest(const model::ResizeAxis& axis, int64_t at, bool exact) {
    const double step = 1 / axis.scale;
    const auto source =
        static_cast<int64_t>(std::floor((static_cast<double>(at) + (exact ? 0.5 : 0.0)) * step));
    return std::min(source, axis.in - 1);
}

bool is_nearest(Speller& s, const ResizeChoice& r, bool exact) {
    for (size_t d = 2; d < s.shape(0).size(); ++d) {
        const auto sizes = samples(s, r, d);
        if (sizes.empty()) return false;
        for (const model::ResizeAxis& axis : sizes) {
            const model::ResizeTable table = model::resize_table(r, axis);
            if (table.taps != 1) return false;
            for (int64_t at = 0; at < axis.out; ++at)
                if (table.position[static_cast<size_t>(at)] != nearest(axis, at, exact))
                    return false;
        }
    }
    return true;
}

/// The mode and what goes with it; empty: PyTorch has none.
std::string torch_mode(Speller& s, const ResizeChoice& r) {
    if (r.mode == "nearest") {
        if (is_nearest(s, r, false)) return "mode=\"nearest\"";
        return is_nearest(s, r, true) ? "mode=\"nearest-exact\"" : "";
    }
    if (r.exclude_outside || r.antialias || (r.mode == "cubic" && r.cubic_a != -0.75)) return "";
    static const char* const kLinear[] = {"linear", "bilinear", "trilinear"};
    const size_t dims = s.shape(0).size() - 2;
    const std::string mode = r.mode == "cubic" ? "bicubic" : kLinear[dims - 1];
    if (r.mode == "cubic" && dims != 2) return "";
    const bool one = r.coordinates == "pytorch_half_pixel" && r.output.back().is(1);
    if (r.coordinates == "align_corners")
        return fmt::format("mode=\"{}\", align_corners=True", mode);
    if (r.coordinates == "half_pixel" || (r.coordinates == "pytorch_half_pixel" && !one))
        return fmt::format("mode=\"{}\"", mode);
    return "";
}

/// "scale_factor=2" where every element counts, else "size=(7, 7)".
std::string torch_size(Speller& s, const ResizeChoice& r) {
    bool by_scale = true;
    std::vector<std::string> factors;
    for (size_t d = 2; d < r.scales.size(); ++d) {
        by_scale &= !std::isnan(r.scales[d]);
        factors.push_back(r.scales[d] == std::floor(r.scales[d])
                              ? fmt::format("{:.0f}", r.scales[d])
                              : fmt::format("{}", r.scales[d]));
    }
    if (by_scale) {
        bool same = true;
        for (const std::string& f : factors) same &= f == factors[0];
        return same ? "scale_factor=" + factors[0]
                    : fmt::format("scale_factor=({}{})", fmt::join(factors, ", "),
                                  factors.size() == 1 ? "," : "");
    }
    std::vector<int64_t> sizes;
    for (size_t d = 2; d < r.output.size(); ++d) {
        if (!r.output[d].is_const()) s.fail("its size is open; give --dim");
        sizes.push_back(r.output[d].value());
    }
    return "size=" + tuple_text(sizes);
}

void resize(Speller& s) {
    const ResizeChoice r = model::resize_of(s);
    const model::Shape& x = s.shape(0);
    if (r.keeps(x)) return s.give(s.in(0));
    if (x.size() < 3 || x.size() > 5 || x[0] != r.output[0] || x[1] != r.output[1])
        s.fail("PyTorch resizes the dims behind the second, of three to five");
    if (!tensor::is_float(s.dtype(0)))
        s.fail("PyTorch does not resize {}", tensor::name(s.dtype(0)));
    const std::string mode = torch_mode(s, r);
    if (mode.empty())
        s.fail("PyTorch has no interpolation of mode {} with {} and {}", r.mode, r.coordinates,
               r.nearest);
    std::vector<Argument> arguments;
    const std::string size = torch_size(s, r);
    const size_t equals = size.find('=');
    arguments.push_back(keyword(size.substr(0, equals), size.substr(equals + 1)));
    const size_t comma = mode.find(", ");
    arguments.push_back(
        keyword("mode", mode.substr(5, comma == std::string::npos ? comma : comma - 5)));
    if (comma != std::string::npos) arguments.push_back(keyword("align_corners", "True"));
    s.give(s.module("nn.Upsample", arguments, "upsample") + "(" + s.in(0) + ")");
}

}  // namespace

void add_resize_spelling(SpellTable& table) {
    table[OpType::kResize] = resize;
    table[OpType::kUpsample] = resize;
}

}  // namespace smeaton::pytorch
