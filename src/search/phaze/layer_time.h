// The shortest schedule of a layer on a chip's cores: PHAZE's integer program (schedule/ilp), where
// a list schedule and the bounds do not settle it before.
#pragma once

#include "schedule/schedule.h"
#include "schedule/task_graph.h"

namespace smeaton::search::phaze {

enum class Effort {
    kList,   ///< a list schedule and the bounds
    kTree,   ///< more lists, the bound of ways against work, branch and bound
    kExact,  ///< then constraints; without their solver, the integer program
};

struct LayerTime {
    double time = 0, lower_bound = 0;  ///< in the graph's unit
    schedule::Schedule schedule;
    bool proven() const { return time <= lower_bound * (1 + 1e-9); }
};

/// `graph.cores` are the cores. An empty graph takes no time.
LayerTime layer_time(const schedule::TaskGraph&, Effort);

}  // namespace smeaton::search::phaze
