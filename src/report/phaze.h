// The chips that `search --model phaze` lists and finds: as text, as JSON.
#pragma once

#include <string>

#include "driver/phaze.h"
#include "report/table.h"

namespace smeaton::report {

std::string text(const driver::PhazeResult&, Width = {});
std::string json(const driver::PhazeResult&);

}  // namespace smeaton::report
