// Schedules and runs as charts: a row per core.
#pragma once

#include <string>

#include "driver/parallel/timeline.h"
#include "report/svg.h"
#include "schedule/solve.h"

namespace smeaton::report {

/// "tc 0": what a core is called.
std::string core_label(const schedule::Cores&, int core);

struct GanttSize {
    int columns = 100;
    int rows = 32;         ///< cores that are drawn; more are counted
    double length_us = 0;  ///< of all columns; 0: of the timeline
};
/// For a terminal: a row per core, time from left to right, and the share of the time that it is
/// busy. A task has its name in it where there is room, without the path that all names begin with.
std::string gantt(const schedule::TaskGraph&, const schedule::Cores&, const driver::Timeline&,
                  const GanttSize& = {});

/// For a page: the same as strips of a timeline (svg.h), `name` before each core's.
std::vector<StripRow> gantt_rows(const std::string& name, const schedule::TaskGraph&,
                                 const schedule::Cores&, const driver::Timeline&);

}  // namespace smeaton::report
