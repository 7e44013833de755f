// Memory set to a repeated element.
#pragma once

#include "run/plan.h"

namespace smeaton::run {

/// Sets the elements of a fill from `at` on.
void run_fill(const PlanFill&, char* at);

}  // namespace smeaton::run
