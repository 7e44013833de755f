// A bound that weighs ways against work: a task on more cores is shorter but takes more of them.
//
//   minimise T over y_ik >= 0 (task i on k cores), c_i (its end)
//   sum_k y_ik = 1;  c_i >= c_j + sum_k duration_ik y_ik for j before i;  T >= c_i
//   T x cores of a kind >= sum over the tasks that hold it of sum_k k duration_ik y_ik
//
// Never below the longer of critical path and work (schedule/bounds.h), which take the best y for
// each by itself. Messages are left out.
#pragma once

#include "schedule/task_graph.h"

namespace smeaton::schedule {

/// No schedule is shorter; 0 where HiGHS gives no proof. UserError where HiGHS is missing.
double allotment_bound_us(const TaskGraph&, const Links&, const Cores&);

}  // namespace smeaton::schedule
