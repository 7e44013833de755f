// A schedule as a text with a chart, as one JSON object (docs/json.md), as a page.
#pragma once

#include <string>

#include "driver/scheduling/graphviz.h"
#include "driver/scheduling/schedule.h"

namespace smeaton::report {

std::string text(const driver::ScheduleResult&);
std::string json(const driver::ScheduleResult&);
/// A page of its own: figures, the chart (predicted beside measured), the graph with a colour per
/// core, the tasks. `graph`: the drawing, or why there is none.
std::string html(const driver::ScheduleResult&, const driver::Drawing& graph);

}  // namespace smeaton::report
