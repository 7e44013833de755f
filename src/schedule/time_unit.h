// The unit that all times of a task graph are whole multiples of.
#pragma once

#include "schedule/task_graph.h"

namespace smeaton::schedule {

/// In us; 0 where times are no multiples of 1 ns. A schedule in which nothing can be moved forward
/// ends at a multiple of it, so a bound may be rounded up to the next.
double time_unit_us(const TaskGraph&);
/// The next multiple from `us` on; `us` itself where the unit is 0.
double rounded_up_us(double us, double unit_us);

}  // namespace smeaton::schedule
