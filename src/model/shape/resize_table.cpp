#include "model/shape/resize_table.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace smeaton::model {

namespace {

/// The source coordinate of output position x, per coordinate_transformation_mode. In single
/// precision, operation by operation, as the runtimes that files were made with: which pixel is
/// nearest hangs on the last bit.
float source_of(const ResizeChoice& c, const ResizeAxis& a, float x) {
    const auto scale = static_cast<float>(a.scale);
    const auto in = static_cast<float>(a.in), out = static_cast<float>(a.out);
    if (scale == 1) return x;
    const float half_pixel = (x + 0.5f) / scale - 0.5f;
    if (c.coordinates == "half_pixel") return half_pixel;
    if (c.coordinates == "pytorch_half_pixel") return a.out > 1 ? half_pixel : 0;
    if (c.coordinates == "asymmetric") return x / scale;
    if (c.coordinates == "align_corners") return a.out == 1 ? 0 : x * (in - 1) / (out - 1);
    if (c.coordinates == "half_pixel_symmetric") {
        const float offset = in / 2 * (1 - out / (scale * in));
        const double source = static_cast<double>(offset) + (x + 0.5) / scale - 0.5;
        return static_cast<float>(source);
    }
    if (c.coordinates == "tf_half_pixel_for_nn") return (x + 0.5f) / scale;
    SMEATON_CHECK(c.coordinates == "tf_crop_and_resize", "coordinates {}", c.coordinates);
    const auto start = static_cast<float>(a.roi_start), end = static_cast<float>(a.roi_end);
    if (a.out > 1) return start * (in - 1) + x * (end - start) * (in - 1) / (out - 1);
    return static_cast<float>(0.5 * static_cast<double>(start + end) * static_cast<double>(in - 1));
}

int64_t nearest_position(const ResizeChoice& c, const ResizeAxis& a, double source) {
    const double below = std::floor(source), fraction = source - below;
    bool up = false;
    if (fraction != 0) {
        if (c.nearest == "round_prefer_floor") up = fraction > 0.5;
        if (c.nearest == "round_prefer_ceil") up = fraction >= 0.5;
        if (c.nearest == "ceil") up = true;
        if (c.nearest == "inwards") up = static_cast<float>(a.scale) < 1;
    }
    return static_cast<int64_t>(below) + (up ? 1 : 0);
}

/// The interpolation kernel at distance d: a triangle, or Keys' cubic with coefficient a.
double kernel_at(const ResizeChoice& c, double d) {
    d = std::abs(d);
    if (c.mode == "linear") return std::max(0.0, 1 - d);
    const double a = c.cubic_a;
    if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
    if (d < 2) return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
    return 0;
}

/// Taps per output position; with antialias the kernel is stretched by the shrinking factor.
int64_t tap_count(const ResizeChoice& c, double stretch) {
    if (c.mode == "nearest") return 1;
    const double reach = (c.mode == "linear" ? 1 : 2) / stretch;
    return 2 - 2 * (static_cast<int64_t>(std::floor(-reach)) + 1);
}

void add_row(const ResizeChoice& c, const ResizeAxis& a, double source, double stretch,
             ResizeTable& table) {
    const bool outside = c.coordinates == "tf_crop_and_resize" &&
                         (source < 0 || source > static_cast<double>(a.in - 1));
    table.outside.push_back(outside);
    const bool nearest = c.mode == "nearest";
    // Beyond the first and the last element lie more of the same, with all the weight on one tap.
    if (c.mode == "linear" && !c.antialias)
        source = std::clamp(source, 0.0, static_cast<double>(a.in - 1));
    const int64_t first = nearest ? nearest_position(c, a, source)
                                  : static_cast<int64_t>(std::ceil(source)) - table.taps / 2;
    std::vector<double> weights;
    double total = 0;
    for (int64_t t = 0; t < table.taps; ++t) {
        const int64_t p = first + t;
        const bool excluded = c.exclude_outside && (p < 0 || p >= a.in);
        double w = nearest ? 1 : kernel_at(c, (static_cast<double>(p) - source) * stretch);
        if (excluded) w = 0;
        weights.push_back(w);
        total += w;
        table.position.push_back(std::clamp<int64_t>(p, 0, a.in - 1));
    }
    const bool normalize = c.antialias || c.exclude_outside;
    for (double w : weights)
        table.weight.push_back(outside ? 0 : normalize && total != 0 ? w / total : w);
}

}  // namespace

bool ResizeTable::extrapolates() const {
    return std::find(outside.begin(), outside.end(), true) != outside.end();
}

bool ResizeTable::identity(int64_t in) const {
    const auto out = static_cast<int64_t>(outside.size());
    if (in != out) return false;
    for (int64_t i = 0; i < out; ++i)
        for (int64_t t = 0; t < taps; ++t) {
            const auto at = static_cast<size_t>(i * taps + t);
            if (weight[at] != (position[at] == i ? 1.0 : 0.0) && !(weight[at] == 0)) return false;
        }
    for (int64_t i = 0; i < out; ++i) {
        double own = 0;
        for (int64_t t = 0; t < taps; ++t)
            if (const auto at = static_cast<size_t>(i * taps + t); position[at] == i)
                own += weight[at];
        if (own != 1) return false;
    }
    return true;
}

ResizeTable resize_table(const ResizeChoice& c, const ResizeAxis& a) {
    ResizeTable table;
    const double stretch = c.antialias ? std::min(a.scale, 1.0) : 1.0;
    table.taps = tap_count(c, stretch);
    for (int64_t x = 0; x < a.out; ++x)
        add_row(c, a, source_of(c, a, static_cast<float>(x)), stretch, table);
    return table;
}

ResizeTable blend_table(const ResizeChoice& c, const ResizeAxis& a) {
    ResizeTable table;
    table.taps = 2;
    const auto last = static_cast<float>(a.in - 1);
    for (int64_t x = 0; x < a.out; ++x) {
        float source = source_of(c, a, static_cast<float>(x));
        table.outside.push_back(c.coordinates == "tf_crop_and_resize" &&
                                (source < 0 || source > last));
        source = std::clamp(source, 0.0f, last);
        const auto low = static_cast<int64_t>(source), high = std::min(low + 1, a.in - 1);
        table.position.insert(table.position.end(), {low, high});
        const float below = static_cast<float>(high) - source,
                    above = source - static_cast<float>(low);
        table.weight.push_back(low == high ? 0.5 : below);
        table.weight.push_back(low == high ? 0.5 : above);
    }
    return table;
}

namespace {

float antialias_kernel(const ResizeChoice& c, float d) {
    d = std::abs(d);
    if (c.mode == "linear") return d < 1 ? 1 - d : 0;
    const auto a = static_cast<float>(c.cubic_a);
    if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
}

/// Moves the weights before element 0 and from element `in` on to the elements at the ends.
void fold_ends(std::vector<float>& w, int64_t first, int64_t in) {
    const auto count = static_cast<int64_t>(w.size());
    const int64_t before = std::clamp<int64_t>(-first, 0, count - 1);
    const int64_t behind = std::clamp<int64_t>(count + first - in, 0, count - 1);
    const auto at = [&](int64_t k) -> float& { return w[static_cast<size_t>(k)]; };
    for (int64_t k = 0; k < before; ++k) at(before) += at(k);
    for (int64_t k = count - behind; k < count; ++k) at(count - behind - 1) += at(k);
    w.erase(w.begin(), w.begin() + before);
}

}  // namespace

ResizeTable antialias_table(const ResizeChoice& c, const ResizeAxis& a) {
    const float shrink = 1.0f / static_cast<float>(a.scale);
    const float reach = (c.mode == "linear" ? 1.0f : 2.0f) * std::max(shrink, 1.0f);
    const float narrow = shrink >= 1 ? 1.0f / shrink : 1.0f;
    const int64_t window = static_cast<int64_t>(std::ceil(reach)) * 2 + 1;
    ResizeTable table;
    table.taps = std::min(window, a.in);
    table.outside.assign(static_cast<size_t>(a.out), false);
    for (int64_t x = 0; x < a.out; ++x) {
        const float center = 0.5f + source_of(c, a, static_cast<float>(x));
        int64_t first = static_cast<int64_t>(std::floor(center - reach + 0.5f));
        int64_t end = static_cast<int64_t>(std::floor(center + reach + 0.5f));
        end = std::min(end, first + window);
        const int64_t low = std::clamp<int64_t>(first, 0, a.in);
        const int64_t high = std::clamp<int64_t>(end, 0, a.in);
        if (c.exclude_outside) first = low, end = high;
        std::vector<float> w;
        float total = 0;
        for (int64_t p = first; p < end; ++p) {
            w.push_back(antialias_kernel(c, (static_cast<float>(p) - center + 0.5f) * narrow));
            total += w.back();
        }
        if (!c.exclude_outside && low < high) fold_ends(w, first, a.in);
        const float share = total == 0 ? 1.0f : 1.0f / total;
        for (int64_t t = 0; t < table.taps; ++t) {
            table.position.push_back(std::clamp<int64_t>(low + t, 0, a.in - 1));
            table.weight.push_back(t < high - low ? w[static_cast<size_t>(t)] * share : 0);
        }
    }
    return table;
}

}  // namespace smeaton::model
