// What each rewrite rule gained, as text (json_parts.h has it as JSON).
#pragma once

#include <string>

#include "driver/explain.h"

namespace smeaton::report {

/// A table of the rules for each part; with applications, then a line for each. A change is after
/// less before: negative is a gain.
std::string explanation_text(const driver::Explanation&);

}  // namespace smeaton::report
