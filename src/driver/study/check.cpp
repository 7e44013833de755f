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

void compare_floats(Comparison& c, const Tensor& got, const Tensor& expected,
                    const Tolerance& tolerance) {
    double floor = tolerance.atol * range_of(expected);
    int64_t bad = 0, first = -1;
    for (int64_t i = 0; i < got.elements(); ++i) {
        double g = got.at_as_double(i), e = expected.at_as_double(i);
        bool fits;
        if (!std::isfinite(g) || !std::isfinite(e)) {
            fits = g == e || (std::isnan(g) && std::isnan(e));
        } else {
            double error = std::abs(g - e), allowed = tolerance.rtol * std::abs(e) + floor;
            c.max_error = std::max(c.max_error, error);
            if (error > 0) c.share_of_allowed = std::max(c.share_of_allowed, error / allowed);
            fits = error <= allowed;
        }
        if (fits) continue;
        if (bad++ == 0) first = i;
    }
    if (bad > 0)
        c.reason = fmt::format("{} of {} elements differ; first at {}: {:.6g}, expected {:.6g}",
                               bad, got.elements(), first, got.at_as_double(first),
                               expected.at_as_double(first));
}

void compare_exactly(Comparison& c, const Tensor& got, const Tensor& expected) {
    int64_t bad = 0, first = -1;
    for (int64_t i = 0; i < got.elements(); ++i) {
        if (got.at_as_int(i) == expected.at_as_int(i)) continue;
        if (bad++ == 0) first = i;
        c.max_error = std::max(c.max_error, std::abs(static_cast<double>(got.at_as_int(i)) -
                                                     static_cast<double>(expected.at_as_int(i))));
    }
    if (bad > 0)
        c.reason =
            fmt::format("{} of {} elements differ; first at {}: {}, expected {}", bad,
                        got.elements(), first, got.at_as_int(first), expected.at_as_int(first));
}

}  // namespace

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
