// Hyperclusters: several samples through the workers of one linear clustering.
//
// plain:    worker k runs cluster k of every sample, sample by sample at each place, so that while
//           one waits for a message the next goes on.
// switched: worker w runs the cluster (w + s) mod workers of sample s, so that the longest cluster
//           goes round and the load evens out.
#pragma once

#include <vector>

#include "schedule/linear/linear.h"

namespace smeaton::schedule {

enum class Hyper { Plain, Switched };

/// The graph so many times side by side: sample s of task t is task s x tasks + t, named "t@s". One
/// sample: the graph as it is.
TaskGraph samples_of(const TaskGraph&, int samples);

struct HyperClusters {
    TaskGraph graph;  ///< samples_of
    std::vector<double> distance_us;
    std::vector<std::vector<int>> workers;
};

/// For schedule_workers: of tasks with one d those of the first sample go first, as Links orders
/// them.
HyperClusters hyper_clusters(const TaskGraph&, const LinearClusters&, int samples, Hyper);

}  // namespace smeaton::schedule
