// Random task graphs, for tests and benches. The same numbers give the same graph everywhere.
#pragma once

#include <cstdint>

#include "schedule/task_graph.h"

namespace smeaton::schedule {

/// Whole numbers from one seed (splitmix64).
class RandomNumbers {
public:
    explicit RandomNumbers(uint64_t seed) : state_(seed) {}
    uint64_t next();
    int between(int low, int high);  ///< both included
    double share();                  ///< from 0 to below 1

private:
    uint64_t state_;
};

struct RandomGraphOptions {
    int tasks = 12;
    int low_us = 1, high_us = 20;  ///< durations, whole
    double edge_share = 0.2;       ///< of all pairs
    int highest_message_us = 0;    ///< 0: messages cost nothing
    int most_cores = 1;            ///< durations for so many; more never take longer
    int kinds = 1;                 ///< each task holds one of these
};
TaskGraph random_graph(const RandomGraphOptions&, uint64_t seed);

/// A graph whose shortest schedule on `cores` cores is known, after Davidovic and Crainic: a
/// schedule without a gap is cut into tasks, edges are put where it allows them.
struct KnownGraphOptions {
    int tasks = 50;
    int cores = 4;
    double edge_share = 0.3;  ///< of the pairs that the schedule allows
    double optimum_us = 600;
    double highest_message_us =
        0;  ///< a message takes a random part of the time there is, at most this
};
TaskGraph known_graph(const KnownGraphOptions&, uint64_t seed);

/// Layers of `width` tasks, each reading a few of the layer before.
TaskGraph layered_graph(int tasks, int width, uint64_t seed);

}  // namespace smeaton::schedule
