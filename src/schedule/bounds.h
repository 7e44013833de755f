// What no schedule can be shorter than.
//
//   critical path: every task on its fastest number of cores, messages only where two tasks hold no
//                  kind in common (elsewhere a core can be shared).
//   work:          per kind, the least core time of all tasks that hold it / its cores.
//   energetic:     the same within windows: what tasks must do between two times if all is to end
//   by
//                  T cannot exceed the core time there is; the largest T that this refutes.
#pragma once

#include <vector>

#include "schedule/task_graph.h"

namespace smeaton::schedule {

struct Bounds {
    double critical_path_us = 0, work_us = 0, energetic_us = 0;
    double best_us() const;
};

/// Lengths of the longest ways to and from each task, the task itself in neither.
struct HeadsAndTails {
    std::vector<double> head_us, tail_us, fastest_us;
};
HeadsAndTails heads_and_tails(const TaskGraph&, const Links&, const Cores&);

/// `at_most_us`: the makespan of some schedule; the energetic bound is searched below it.
Bounds lower_bounds(const TaskGraph&, const Links&, const Cores&, double at_most_us);

}  // namespace smeaton::schedule
