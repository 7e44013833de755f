// Is a schedule one? Judges what any algorithm made, and shares no code with them.
#pragma once

#include <string>
#include <vector>

#include "schedule/schedule.h"

namespace smeaton::schedule {

struct CheckResult {
    std::vector<std::string> faults;  ///< empty: the schedule holds
    double peak_output_bytes = 0;     ///< most bytes of outputs alive at once
};

/// Every task once, on cores of the kinds that it holds, the same numbers of each, for the time
/// that it takes there; no core with two tasks at once; every task after what it waits for,
/// messages included; the order on the cores and the edges together without a cycle (a run by that
/// order ends); outputs within the graph's memory. Times may differ by 1e-9 of the makespan.
CheckResult check(const TaskGraph&, const Cores&, const Schedule&);

}  // namespace smeaton::schedule
