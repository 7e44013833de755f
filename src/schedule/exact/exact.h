// The shortest schedule, by branch and bound; needs no solver.
//
// Tasks are placed in the order of their starts, each as early as its predecessors and the tasks
// before it on its cores allow: every schedule that nothing can be moved forward in comes about
// that way. Cut off are places that differ by the cores' names alone, states that another with the
// same tasks done is nowhere later than, and what the bounds (bounds.h, of what is left) show to be
// no better than the best so far.
#pragma once

#include <cstdint>
#include <optional>

#include "schedule/schedule.h"

namespace smeaton::schedule {

/// Graphs of more tasks are not searched.
constexpr int kExactTasks = 64;

struct ExactOptions {
    int64_t max_nodes = 20'000'000;
    int64_t max_ways = 500'000'000;  ///< to go on, looked at in all nodes together
    std::optional<double> time_limit_s;
};

struct ExactResult {
    Schedule schedule;
    bool proven = false;  ///< no schedule is shorter by more than 1e-9 of it
    int64_t nodes = 0;
};

/// `start`: a schedule to be better than; it is the result where none is found.
ExactResult search_exact(const TaskGraph&, const Links&, const Cores&, const Schedule& start,
                         const ExactOptions&);

}  // namespace smeaton::schedule
