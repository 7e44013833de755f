// When each task runs, and on which cores.
#pragma once

#include <vector>

#include "schedule/task_graph.h"

namespace smeaton::schedule {

struct Placed {
    TaskId task;
    std::vector<int> cores;  ///< numbers, ascending
    double start_us = 0, finish_us = 0;
};

/// One entry per task, in the order of the graph's tasks.
struct Schedule {
    std::vector<Placed> tasks;
};

double makespan_us(const Schedule&);

/// True when the two have a core in common; both ascending.
bool share_core(const std::vector<int>& a, const std::vector<int>& b);
/// Core numbers of places `slots` (0 to count - 1, ascending) of every kind that the task holds.
std::vector<int> core_numbers(const Task&, const Cores&, const std::vector<int>& slots);
/// Producers of results and cores beside: pairs (task, set of cores that waits for it elsewhere),
/// each set counted once per task.
int messages(const TaskGraph&, const Schedule&);

/// A task and the places that it takes (of every kind it holds).
struct Choice {
    int task = 0;
    std::vector<int> slots;
};
/// Each task as early as its predecessors, their messages and the tasks before it in `sequence` on
/// its cores allow. `sequence` names every task once, predecessors first.
Schedule replay(const TaskGraph&, const Links&, const Cores&, const std::vector<Choice>& sequence);

}  // namespace smeaton::schedule
