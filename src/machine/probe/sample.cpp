#include "machine/probe/sample.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "machine/probe/crew.h"

namespace smeaton::machine {

int measure(std::vector<Measurement>& measurements, const Rounds& rounds) {
    int64_t start = now_ns();
    int round = 0;
    while (round < rounds.at_most) {
        double seconds = static_cast<double>(now_ns() - start) * 1e-9;
        if (round >= rounds.at_least && seconds > rounds.seconds) break;
        if (rounds.progress) rounds.progress(round, seconds);
        for (Measurement& m : measurements) m.samples.push_back(m.block());
        ++round;
    }
    return round;
}

double round_to_digits(double value, int digits) {
    if (value == 0 || !std::isfinite(value)) return value;
    // Through the decimal text: the nearest double to so many digits, which prints as them.
    return std::stod(fmt::format("{:.{}e}", value, digits - 1));
}

/// Linear between samples, to four digits.
static double quantile(const std::vector<double>& sorted, double q) {
    SMEATON_CHECK(!sorted.empty(), "nothing was measured");
    const double at = q * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<size_t>(at);
    const size_t above = std::min(below + 1, sorted.size() - 1);
    return round_to_digits(sorted[below] + (sorted[above] - sorted[below]) * (at - std::floor(at)),
                           4);
}

Interval undisturbed(std::vector<double> samples, Better better) {
    std::sort(samples.begin(), samples.end());
    if (better == Better::Less)
        return {quantile(samples, 0), quantile(samples, 0.1), quantile(samples, 0.9)};
    return {quantile(samples, 0.1), quantile(samples, 0.9), quantile(samples, 1)};
}

Interval spread(std::vector<double> samples) {
    std::sort(samples.begin(), samples.end());
    return {quantile(samples, 0.1), quantile(samples, 0.5), quantile(samples, 0.9)};
}

}  // namespace smeaton::machine
