// Who worked on what, when: a schedule as planned, or a run as it went, in one form.
#pragma once

#include <string>
#include <vector>

#include "driver/session.h"
#include "schedule/schedule.h"

namespace smeaton::driver {

/// As a string of JSON, quotes included.
std::string in_json(const std::string& text);

struct CoreSpan {
    int task = 0;  ///< number in the task graph
    int core = 0;
    double begin_us = 0, end_us = 0;
};

struct Timeline {
    int cores = 1;
    double length_us = 0;
    std::vector<CoreSpan> spans;  ///< by begin
};

Timeline timeline_of(const schedule::Schedule&, int cores);
/// Kernel k of the run is task k.
Timeline timeline_of(const RunTrace&);

/// Timelines of one task graph beside each other, for ui.perfetto.dev: a process for each, by its
/// name, a thread for each core. Times in us.
std::string perfetto_json(const schedule::TaskGraph&,
                          const std::vector<std::pair<std::string, Timeline>>&);

/// The graph for Graphviz: a task's colour is its first core's, edges between cores are dashed.
std::string dot_of(const schedule::TaskGraph&, const schedule::Schedule&);

}  // namespace smeaton::driver
