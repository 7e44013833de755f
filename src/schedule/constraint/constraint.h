// Disjunctive scheduling by a constraint solver (CP-SAT): each task an interval for each number of
// cores that it may take, cores as resources.
//
// Where messages cost nothing and no task holds pairs, cores need no names: one resource per kind
// with its number of cores. Elsewhere each place is a resource, and a message is due unless both
// ends take one in common.
#pragma once

#include <optional>

#include "schedule/schedule.h"

namespace smeaton::schedule {

struct ConstraintOptions {
    std::optional<double> time_limit_s;  ///< absent: a fixed effort
    double effort = 10;                  ///< about seconds
};

struct ConstraintResult {
    Schedule schedule;
    bool proven = false;
    double lower_bound_us = 0;
};

/// `start`: a schedule to begin from and to fall back on. Times are whole numbers of a unit that
/// holds all of them (to 1 ns), or a 2^30th of the start's makespan. UserError where CP-SAT is
/// missing.
ConstraintResult solve_constraints(const TaskGraph&, const Links&, const Cores&,
                                   const Schedule& start, const ConstraintOptions&);

}  // namespace smeaton::schedule
