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

Interval spread(std::vector<double> samples) {
    SMEATON_CHECK(!samples.empty(), "nothing was measured");
    std::sort(samples.begin(), samples.end());
    auto quantile = [&](double q) {
        double at = q * static_cast<double>(samples.size() - 1);
        auto below = static_cast<size_t>(at);
        size_t above = std::min(below + 1, samples.size() - 1);
        double v = samples[below] + (samples[above] - samples[below]) * (at - std::floor(at));
        return round_to_digits(v, 4);
    };
    return {quantile(0.1), quantile(0.5), quantile(0.9)};
}

}  // namespace smeaton::machine
