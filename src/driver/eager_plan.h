// A plan of clusters for what eager PyTorch takes.
#pragma once

#include <string>
#include <vector>

#include "driver/eager_costs.h"
#include "schedule/solve.h"

namespace smeaton::driver {

struct EagerPlan {
    schedule::Schedule schedule;  ///< with the times that follow from EagerCosts
    double serial_us = 0;         ///< one after another on one core
    double forward_us = 0;        ///< one after another on all cores
    double lower_bound_us = 0;
    std::vector<std::string> notes;
};

/// `work`: of each task. Durations and costs of edges are set here. Where no plan gains, operators
/// run one after another on all cores, as `forward` does; not so by linear clustering, whose
/// clusters are what was asked for. `what`: for messages.
EagerPlan plan_eager(schedule::TaskGraph tasks, const std::vector<EagerWork>& work,
                     const EagerCosts& costs, const schedule::SolveOptions& options,
                     const std::string& what);

}  // namespace smeaton::driver
