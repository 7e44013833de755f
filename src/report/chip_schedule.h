// The schedules of layers on a chip's cores: as charts for a terminal and a page, as JSON. Included
// by .cpp files of this folder only.
#pragma once

#include <string>

#include "driver/place/plan.h"
#include "report/html_parts.h"
#include "report/json_parts.h"

namespace smeaton::report {

/// Forward and backward half of the layers that take the most time, a row per core.
std::string chip_gantt(const driver::OnChips&);
/// Of all layers that work.
Section chip_section(const driver::OnChips&);
/// `chip`, `defects`, `expert_ms`, `layers[].{name,count,forward,backward}`.
Json json_of(const driver::OnChips&);

}  // namespace smeaton::report
