// Random cases that several tests of solvers take.
#pragma once

#include <cstdlib>

#include "schedule/random/random_graph.h"

namespace smeaton::schedule {

/// SMEATON_LONG=1 (make long) takes all of them.
inline bool long_run() {
    return std::getenv("SMEATON_LONG") != nullptr;
}

/// What case i draws from.
inline RandomNumbers case_numbers(int i) {
    return RandomNumbers(static_cast<uint64_t>(i) * 977 + 5);
}

/// Every second case with messages, every fifth with tasks that may be split.
inline RandomGraphOptions case_options(int i, int most_tasks, RandomNumbers& random) {
    RandomGraphOptions options;
    options.tasks = random.between(2, most_tasks);
    options.edge_share = 0.1 + 0.4 * random.share();
    options.highest_message_us = i % 2 ? 10 : 0;
    if (i % 5 == 4) options.most_cores = 3;
    return options;
}

}  // namespace smeaton::schedule
