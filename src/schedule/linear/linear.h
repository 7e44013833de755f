// Linear clustering (Das and Rauchwerger, Ramiel, IPDPS 2024): chains along the critical path, then
// chains that never overlap in "distance to end" share a worker.
//
// d(t) = duration + max over successors s of (message + d(s)): the longest way from the start of t
// to the end, messages included. Every edge lowers d, and every worker runs its tasks by falling d,
// so all workers follow one order of the whole graph and cannot wait for each other for ever.
#pragma once

#include <optional>
#include <vector>

#include "schedule/schedule.h"

namespace smeaton::schedule {

struct LinearClusters {
    std::vector<double> distance_us;         ///< d, by task
    std::vector<std::vector<int>> clusters;  ///< chains, in the order in which they were opened
    std::vector<std::vector<int>> workers;   ///< clusters of one worker one after another
};

/// Each task without splitting (serial_us).
std::vector<double> distances_to_end(const TaskGraph&, const Links&);
/// Opens a cluster at the task of largest d that is in none, and goes on with the successor of
/// largest d that is in none until there is none. Ties: the lower place in links.order().
std::vector<std::vector<int>> linear_clusters(const TaskGraph&, const Links&,
                                              const std::vector<double>& distance_us);
/// Clusters by falling d of their first task, each to the worker whose last d is the smallest that
/// is still greater, or to a new one: the fewest workers for these clusters.
std::vector<std::vector<int>> merge_clusters(const std::vector<std::vector<int>>& clusters,
                                             const std::vector<double>& distance_us);
LinearClusters cluster_linear(const TaskGraph&, const Links&);

/// The worker of each task; -1: of none.
std::vector<int> worker_of_tasks(const TaskGraph&, const std::vector<std::vector<int>>& workers);

/// Pairs (task, other worker that reads its result).
int messages(const TaskGraph&, const std::vector<std::vector<int>>& workers);

/// At most as many lists as cores: where there are more workers, these by falling load, each to the
/// core with least so far.
std::vector<std::vector<int>> fold_workers(const TaskGraph&,
                                           const std::vector<std::vector<int>>& workers, int cores);

/// Every worker on a core of its own, its tasks by falling d (ties: the place in links.order()).
Schedule schedule_workers(const TaskGraph&, const Links&,
                          const std::vector<std::vector<int>>& workers,
                          const std::vector<double>& distance_us);

struct CloneResult {
    TaskGraph graph;
    LinearClusters linear;  ///< of this graph
    int clones = 0;
};
/// Tasks repeated at their readers in place of a message: cheaper than the message, everything they
/// read at hand there, and all clones together at most a tenth of the graph's work. Nothing where
/// clustering the result anew does not shorten its schedule.
std::optional<CloneResult> clone_tasks(const TaskGraph&, const LinearClusters&);

}  // namespace smeaton::schedule
