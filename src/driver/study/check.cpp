#include "driver/study/check.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace smeaton::driver {

namespace {

std::string shape_text(const Tensor& t) {
    std::string text;
    for (int64_t size : t.shape()) text += (text.empty() ? "" : ",") + std::to_string(size);
    return fmt::format("{}[{}]", tensor::name(t.dtype()), text);
}

double range_of(const Tensor& t) {
    double low = INFINITY, high = -INFINITY;
    for (int64_t i = 0; i < t.elements(); ++i) {
        double v = t.at_as_double(i);
        if (!std::isfinite(v)) continue;
        low = std::min(low, v);
        high = std::max(high, v);
    }
    if (low > high) return 0;
    // One element has no range; its size stands for one.
    return t.elements() == 1 ? std::abs(high) : high - low;
}

std::vector<int64_t> indices_of(int64_t flat, const std::vector<int64_t>& shape) {
    std::vector<int64_t> at(shape.size());
    for (size_t axis = shape.size(); axis-- > 0; flat /= shape[axis]) at[axis] = flat % shape[axis];
    return at;
}

std::string element_text(const Tensor& t, int64_t flat) {
    return tensor::is_float(t.dtype()) ? fmt::format("{:.6g}", t.at_as_double(flat))
                                       : std::to_string(t.at_as_int(flat));
}

/// Counts what differs and keeps the three that are farthest off.
class Differences {
public:
    Differences(Comparison& result, const Tensor& got, const Tensor& expected)
        : result_(result), got_(got), expected_(expected) {}

    /// `off`: how far, on a scale on which the worst are chosen.
    void add(int64_t flat, double off) {
        ++count_;
        const Kept found{flat, std::isnan(off) ? INFINITY : off};
        auto place = std::find_if(kept_.begin(), kept_.end(),
                                  [&](const Kept& k) { return k.off < found.off; });
        kept_.insert(place, found);
        if (kept_.size() > 3) kept_.pop_back();
    }
    void finish() {
        if (count_ == 0) return;
        for (const Kept& k : kept_)
            result_.worst.push_back({indices_of(k.flat, got_.shape()), element_text(got_, k.flat),
                                     element_text(expected_, k.flat)});
        result_.reason = fmt::format("{} of {} elements differ; {}", count_, got_.elements(),
                                     worst_text(result_));
    }

private:
    struct Kept {
        int64_t flat;
        double off;
    };
    Comparison& result_;
    const Tensor& got_;
    const Tensor& expected_;
    int64_t count_ = 0;
    std::vector<Kept> kept_;
};

void compare_floats(Comparison& c, const Tensor& got, const Tensor& expected,
                    const Tolerance& tolerance) {
    double floor = tolerance.atol * range_of(expected);
    Differences differences(c, got, expected);
    for (int64_t i = 0; i < got.elements(); ++i) {
        double g = got.at_as_double(i), e = expected.at_as_double(i);
        if (!std::isfinite(g) || !std::isfinite(e)) {
            if (g != e && !(std::isnan(g) && std::isnan(e))) differences.add(i, INFINITY);
            continue;
        }
        double error = std::abs(g - e), allowed = tolerance.rtol * std::abs(e) + floor;
        c.max_error = std::max(c.max_error, error);
        if (error > 0) c.share_of_allowed = std::max(c.share_of_allowed, error / allowed);
        if (error > allowed) differences.add(i, error);
    }
    differences.finish();
}

void compare_exactly(Comparison& c, const Tensor& got, const Tensor& expected) {
    Differences differences(c, got, expected);
    for (int64_t i = 0; i < got.elements(); ++i) {
        if (got.at_as_int(i) == expected.at_as_int(i)) continue;
        double off = std::abs(static_cast<double>(got.at_as_int(i)) -
                              static_cast<double>(expected.at_as_int(i)));
        c.max_error = std::max(c.max_error, off);
        differences.add(i, off);
    }
    differences.finish();
}

}  // namespace

std::string worst_text(const Comparison& c) {
    std::string text;
    for (const WrongElement& w : c.worst) {
        std::string at;
        for (int64_t i : w.at) at += (at.empty() ? "" : ",") + std::to_string(i);
        text += fmt::format("{}at [{}]: {}, expected {}", text.empty() ? "largest " : "; then ", at,
                            w.got, w.expected);
    }
    return text;
}

Comparison compare(const std::string& output, const Tensor& got, const Tensor& expected,
                   const std::string& against, const Tolerance& tolerance) {
    Comparison c;
    c.output = output;
    c.against = against;
    if (got.dtype() != expected.dtype() || got.shape() != expected.shape())
        c.reason = fmt::format("{}, expected {}", shape_text(got), shape_text(expected));
    else if (tensor::is_float(got.dtype()))
        compare_floats(c, got, expected, tolerance);
    else
        compare_exactly(c, got, expected);
    c.equal = c.reason.empty();
    return c;
}

}  // namespace smeaton::driver
