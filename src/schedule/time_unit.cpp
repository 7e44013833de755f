#include "schedule/time_unit.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>

namespace smeaton::schedule {

double time_unit_us(const TaskGraph& graph) {
    int64_t divisor = 0;
    bool whole = true;
    auto take = [&](double us) {
        if (!std::isfinite(us) || !whole) return;
        double ns = us * 1e3;
        // But for the rounding of us: whatever is more adds up over many tasks.
        whole = ns < 1e15 && std::abs(ns - std::round(ns)) <= 1e-15 * ns;
        if (whole) divisor = std::gcd(divisor, std::llround(ns));
    };
    for (const Task& task : graph.tasks)
        for (double us : task.durations_us) take(us);
    for (const Edge& e : graph.edges) take(e.cost_us);
    return whole ? static_cast<double>(divisor) / 1e3 : 0;
}

double rounded_up_us(double us, double unit_us) {
    if (unit_us <= 0) return us;
    return std::max(us, std::ceil(us / unit_us - 1e-6) * unit_us);
}

}  // namespace smeaton::schedule
