// The shortest schedule of a layer on a chip's cores: PHAZE's integer program (schedule/ilp), where
// bounds and a list schedule do not settle it before. In steps: what rules a chip out comes before
// what makes its schedule better.
#pragma once

#include <limits>

#include "schedule/schedule.h"
#include "schedule/task_graph.h"

namespace smeaton::search::phaze {

enum class Effort {
    kBounds,  ///< no schedule
    kList,    ///< a list schedule
    kLinear,  ///< the bound of ways against work
    kTree,    ///< more lists, branch and bound
    kExact,   ///< then constraints; without their solver, the integer program
};
constexpr Effort kEfforts[] = {Effort::kBounds, Effort::kList, Effort::kLinear, Effort::kTree,
                               Effort::kExact};

struct LayerTime {
    double time = std::numeric_limits<double>::infinity(), lower_bound = 0;  ///< the graph's unit
    schedule::Schedule schedule;  ///< from kTree on, or where a list settles it
    bool proven() const { return time <= lower_bound * (1 + 1e-9); }
};

/// `graph.cores` are the cores. An empty graph takes no time.
LayerTime layer_time(const schedule::TaskGraph&, Effort);
/// One step more, from what the steps before it gave.
void improve(const schedule::TaskGraph&, Effort step, LayerTime&);

}  // namespace smeaton::search::phaze
