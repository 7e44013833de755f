#include "run/alive.h"

#include <algorithm>
#include <utility>

namespace smeaton::run {

namespace {

/// Bytes that a list of [from, to) covers.
int64_t covered(std::vector<std::pair<int64_t, int64_t>> intervals) {
    std::sort(intervals.begin(), intervals.end());
    int64_t sum = 0, end = 0;
    for (const auto& [from, to] : intervals) {
        sum += std::max<int64_t>(0, to - std::max(from, end));
        end = std::max(end, to);
    }
    return sum;
}

}  // namespace

std::vector<int64_t> arena_bytes_alive(const Plan& plan) {
    const size_t steps = plan.steps.size();
    std::vector<size_t> first(plan.buffers.size(), steps), last(plan.buffers.size(), 0);
    for (size_t i = 0; i < steps; ++i)
        for (int b : plan.steps[i].buffers) {
            const auto at = static_cast<size_t>(b);
            first[at] = std::min(first[at], i);
            last[at] = i;
        }
    std::vector<int64_t> alive;
    for (size_t i = 0; i < steps; ++i) {
        std::vector<std::pair<int64_t, int64_t>> intervals;
        for (size_t b = 0; b < plan.buffers.size(); ++b) {
            const PlanBuffer& buffer = plan.buffers[b];
            if (buffer.place == PlanBuffer::Place::Arena && first[b] <= i && i <= last[b])
                intervals.emplace_back(buffer.at, buffer.at + buffer.bytes);
        }
        alive.push_back(covered(std::move(intervals)));
    }
    return alive;
}

}  // namespace smeaton::run
