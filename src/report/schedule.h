// A schedule as a text with a chart, and as one JSON object (docs/json.md).
#pragma once

#include <string>

#include "driver/schedule.h"

namespace smeaton::report {

std::string text(const driver::ScheduleResult&);
std::string json(const driver::ScheduleResult&);

}  // namespace smeaton::report
