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
/// The places of each task, in the order of the graph's tasks. Where all cores are of one kind they
/// are named anew, in the order in which the tasks take them first: task i then has places below
/// the sum of the counts of tasks 0 to i.
std::vector<std::vector<int>> slots_of(const TaskGraph&, const Cores&, const Schedule&);
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

/// `count` places of the kind, those that are free first (ties: the lowest), ascending. `free_us`:
/// from when on, by core.
std::vector<int> first_free(const std::vector<double>& free_us, const Cores&, int kind, int count);

/// What a solver says of each task.
struct Timing {
    std::vector<double> start_us, finish_us;
    std::vector<int> counts;              ///< cores of each kind
    std::vector<std::vector<int>> slots;  ///< empty where the places were left open: one kind held
};
/// Tasks by their starts, predecessors first, on their places or those that are free first; then
/// each as early as that allows.
Schedule schedule_by_times(const TaskGraph&, const Links&, const Cores&, const Timing&);

}  // namespace smeaton::schedule
