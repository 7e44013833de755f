// What published cost models say, as JSON and as text tables.
#pragma once

#include <string>

#include "driver/simulate/published.h"

namespace smeaton::report {

std::string json(const driver::SimditResult&);
std::string json(const driver::ScaleSimResult&);
/// Totals and classes; `all`: every row too.
std::string text(const driver::SimditResult&, bool all);
std::string text(const driver::ScaleSimResult&);

}  // namespace smeaton::report
