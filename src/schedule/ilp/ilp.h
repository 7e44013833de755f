// The integer program of PHAZE (Wang and others, ICML 2024), widened to any number of cores for a
// task, to messages, and to any kinds of core, by HiGHS.
//
//   minimise T over t_i (start), y_ik (on k cores), x_ij (i ends before j starts), z_ic (takes
//   place c)
//   1. T >= t_i + p_i, p_i = sum_k duration_ik y_ik, sum_k y_ik = 1
//   2. x_ij + x_ji <= 1;  x_ik >= x_ij + x_jk - 1 for all triples
//   3. j behind i in the graph: x_ij = 1, x_ji = 0;  t_i + p_i + message (1 - shared_ij) <= t_j
//   4. others: t_i + p_i <= t_j + H (1 - x_ij);  x_ij + x_ji >= 1 where both together take more
//   cores
//      of a kind than there are
//   5. for a kind only where it is needed: sum_c z_ic = sum_k k y_ik;
//      others: x_ij + x_ji >= z_ic + z_jc - 1;  shared_ij <= sum_c min(z_ic, z_jc)
//
// 5 is left out at first where cores can be told apart by nothing; when the answer uses more cores
// at once than there are, it is added for that kind and the problem solved again.
#pragma once

#include <optional>

#include "schedule/schedule.h"

namespace smeaton::schedule {

/// Graphs of more tasks are not tried: rows grow with the cube of the tasks.
constexpr int kIlpTasks = 150;

struct IlpOptions {
    std::optional<double> time_limit_s;
    /// Every pair and triple has its variables and rows, those that the graph decides as well.
    bool whole = false;
};

struct IlpResult {
    Schedule schedule;
    bool proven = false;
    double lower_bound_us = 0;
    int rows = 0, whole_variables = 0, rounds = 0;  ///< of the last round
};

/// `start`: a schedule to begin from and to fall back on. UserError where HiGHS is missing.
IlpResult solve_ilp(const TaskGraph&, const Links&, const Cores&, const Schedule& start,
                    const IlpOptions&);

}  // namespace smeaton::schedule
