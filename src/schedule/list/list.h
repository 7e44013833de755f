// List scheduling for a given number of cores, and a local search around it.
//
// Tasks go one by one, the most urgent of those that are ready first, each to where it ends
// earliest, gaps included. A task that may be split runs on a number of cores that is chosen for
// it: the search changes these numbers together with the order (inter- and intra-operator
// parallelism jointly).
//
// The search turns time round and back (what can be late is moved late, then early), and tries
// again from orders and numbers of cores that are changed here and there, until a lower bound is
// reached. The same graph and effort give the same schedule; with a time limit the clock decides
// how long it goes on.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "schedule/schedule.h"

namespace smeaton::schedule {

struct ListOptions {
    int64_t effort = 500'000;  ///< tasks placed in all; at least the first rounds are done
    std::optional<double> time_limit_s;  ///< in place of the effort
};

/// `urgency`: higher goes first; `counts`: cores of each kind for each task.
Schedule list_schedule(const TaskGraph&, const Links&, const Cores&,
                       const std::vector<double>& urgency, const std::vector<int>& counts);

/// Longest way from the task's start to the end, on these numbers of cores, messages at `message`
/// times their cost.
std::vector<double> upward_rank(const TaskGraph&, const Links&, const std::vector<int>& counts,
                                double message);

Schedule search_list(const TaskGraph&, const Links&, const Cores&, const ListOptions&);

}  // namespace smeaton::schedule
