// Schedules for a terminal.
#pragma once

#include <string>

#include "schedule/solve.h"

namespace smeaton::report {

/// A row per core, time from left to right over `columns` columns. A task is drawn by a letter, its
/// name in it where there is room; more cores than `rows` are counted, not drawn.
std::string gantt(const schedule::Solution&, int columns = 100, int rows = 32);

}  // namespace smeaton::report
