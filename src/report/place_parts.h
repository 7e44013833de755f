// Parts of a placement that other results have too. Included by .cpp files of this folder only.
#pragma once

#include <string>
#include <vector>

#include "driver/place/plan.h"
#include "report/html_parts.h"
#include "report/json_parts.h"

namespace smeaton::report {

/// As `place --json` has it.
Json placed_json(const driver::PlaceResult&);
/// Figures, stages with their memory, a microbatch in each stage; of chips their schedules.
std::vector<Section> plan_sections(const driver::PlaceResult&);
/// Colours of the parts of memory.
std::string plan_style();

}  // namespace smeaton::report
