#include "run/dependence.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"

namespace smeaton::run {

namespace {

// Bytes of one of the memories that a plan knows.
struct Region {
    PlanBuffer::Place place;
    int64_t begin, end;
    bool written;

    bool conflicts(const Region& other) const {
        return place == other.place && (written || other.written) && begin < other.end &&
               other.begin < end;
    }
};

// States, externals and what is packed are numbered; each is a memory of its own.
Region region_of(const PlanBuffer& b, bool written) {
    const bool numbered = b.place == PlanBuffer::Place::State ||
                          b.place == PlanBuffer::Place::External ||
                          b.place == PlanBuffer::Place::Packed;
    return {b.place, b.at, b.at + (numbered ? 1 : b.bytes), written};
}

struct Footprint {
    std::vector<Region> regions;
    bool checks = false, writes_state = false;
};

Footprint footprint_of(const Plan& plan, const PlanStep& step) {
    Footprint out;
    out.checks = !step.messages.empty();
    auto add = [&](int buffer, bool written) {
        const PlanBuffer& b = plan.buffers.at(static_cast<size_t>(buffer));
        if (b.place == PlanBuffer::Place::Constant || b.bytes == 0) return;
        out.writes_state |= written && b.place == PlanBuffer::Place::State;
        out.regions.push_back(region_of(b, written));
    };
    for (int b : step.buffers)
        add(b, std::find(step.writes.begin(), step.writes.end(), b) != step.writes.end());
    return out;
}

bool depends(const Footprint& later, const Footprint& earlier) {
    if (later.writes_state && earlier.checks) return true;
    for (const Region& a : later.regions)
        for (const Region& b : earlier.regions)
            if (a.conflicts(b)) return true;
    return false;
}

}  // namespace

std::vector<std::vector<int>> dependences(const Plan& plan) {
    const size_t n = plan.steps.size();
    std::vector<Footprint> footprints;
    for (const PlanStep& step : plan.steps) footprints.push_back(footprint_of(plan, step));
    std::vector<std::vector<int>> after(n);
    std::vector<std::vector<bool>> behind(n, std::vector<bool>(n));  // directly or not
    for (size_t i = 0; i < n; ++i)
        for (size_t j = i; j-- > 0;) {
            if (behind[i][j] || !depends(footprints[i], footprints[j])) continue;
            after[i].push_back(static_cast<int>(j));
            behind[i][j] = true;
            for (size_t k = 0; k < j; ++k)
                if (behind[j][k]) behind[i][k] = true;
        }
    for (std::vector<int>& list : after) std::reverse(list.begin(), list.end());
    return after;
}

std::vector<int> order_of(const Plan& plan) {
    if (!plan.order.empty()) return plan.order;
    std::vector<int> order(plan.steps.size());
    std::iota(order.begin(), order.end(), 0);
    return order;
}

void check_order(const Plan& plan, int threads) {
    const int n = static_cast<int>(plan.steps.size());
    const std::vector<int> order = order_of(plan);
    SMEATON_CHECK(order.size() == plan.steps.size(), "the order names {} of {} steps", order.size(),
                  n);
    std::vector<bool> ended(plan.steps.size());
    for (int i : order) {
        SMEATON_CHECK(i >= 0 && i < n && !ended[static_cast<size_t>(i)],
                      "the order names step {} twice, or it is none of {}", i, n);
        const PlanStep& step = plan.steps[static_cast<size_t>(i)];
        for (int before : step.after)
            SMEATON_CHECK(before >= 0 && before < n && ended[static_cast<size_t>(before)],
                          "step {} comes before step {}, which it must follow", step.name, before);
        SMEATON_CHECK(step.team.first >= 0 && step.team.count >= 0 &&
                          step.team.first + std::max(step.team.count, 1) <= threads,
                      "step {} is for threads {} to {} of {}", step.name, step.team.first,
                      step.team.first + step.team.count - 1, threads);
        ended[static_cast<size_t>(i)] = true;
    }
}

}  // namespace smeaton::run
