// The chips that `search --model phaze` lists and finds: as text, as JSON, as a page.
#pragma once

#include <string>

#include "driver/place/phaze.h"
#include "report/table.h"

namespace smeaton::report {

std::string text(const driver::PhazeResult&, Width = {});
std::string json(const driver::PhazeResult&);
/// The best chip, its plan and its schedules.
std::string html(const driver::PhazeResult&);

}  // namespace smeaton::report
