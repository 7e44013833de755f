// The best parts of several ways to run the same kernels.
//
// A way has a cut where all tasks so far have ended before any other begins. Ways that have the
// same tasks before a cut can be changed over there: between two such cuts the one is taken whose
// run was measured the shorter, and a shortest path over all cuts puts them together.
#pragma once

#include <vector>

#include "schedule/schedule.h"

namespace smeaton::driver {

struct TracedWay {
    schedule::Schedule schedule;
    std::vector<std::vector<double>> end_us;  ///< by run: when each task ended
};

/// All ways are schedules of the graph. Where no two have a cut in common, the fastest of them.
schedule::Schedule mixed(const schedule::TaskGraph&, const schedule::Cores&,
                         const std::vector<TracedWay>&);

}  // namespace smeaton::driver
