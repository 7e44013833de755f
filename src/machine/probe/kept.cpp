#include "machine/probe/kept.h"

#include <algorithm>
#include <chrono>

#include "machine/probe/crew.h"
#include "machine/probe/sample.h"

namespace smeaton::machine {
namespace {

constexpr double kFirstIdleMs = 0.25, kLastIdleMs = 64;
constexpr double kLostAtAll = 1.25;

void spin_ms(double ms) {
    using Clock = std::chrono::steady_clock;
    const auto end = Clock::now() + std::chrono::duration<double, std::milli>(ms);
    while (Clock::now() < end) {
    }
}

}  // namespace

std::vector<IdleSweep> idle_sweeps(const std::function<void()>& sweep, int repeats) {
    std::vector<IdleSweep> sweeps;
    for (double idle_ms = 0; idle_ms <= kLastIdleMs;
         idle_ms = idle_ms == 0 ? kFirstIdleMs : 2 * idle_ms) {
        std::vector<double> ns;
        for (int i = 0; i < repeats; ++i) {
            sweep();
            sweep();
            spin_ms(idle_ms);
            const int64_t start = busy_ns();
            sweep();
            ns.push_back(static_cast<double>(busy_ns() - start));
        }
        const auto quarter = static_cast<size_t>(repeats / 4);
        std::nth_element(ns.begin(), ns.begin() + repeats / 4, ns.end());
        sweeps.push_back({idle_ms, ns[quarter]});
    }
    return sweeps;
}

std::optional<Interval> half_gone_ms(const std::vector<IdleSweep>& sweeps) {
    const double there = sweeps.front().sweep_ns, gone = sweeps.back().sweep_ns;
    if (gone < kLostAtAll * there) return std::nullopt;
    const double half = (there + gone) / 2;
    // From the longest on: what is still there then was not lost before, when others were busy for
    // a moment.
    for (size_t i = sweeps.size() - 1; i > 0; --i) {
        const IdleSweep &before = sweeps[i - 1], &after = sweeps[i];
        if (before.sweep_ns >= half) continue;
        const double share = (half - before.sweep_ns) / (after.sweep_ns - before.sweep_ns);
        const double at = before.idle_ms + share * (after.idle_ms - before.idle_ms);
        // The first idle time is none at all: nothing is lost in no time.
        return Interval{std::max(before.idle_ms, at / 2), round_to_digits(at, 3), after.idle_ms};
    }
    return std::nullopt;
}

}  // namespace smeaton::machine
