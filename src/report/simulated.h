// The kernels of a simulated model.
#pragma once

#include <string>

#include "driver/simulate.h"
#include "report/table.h"

namespace smeaton::report {

/// Totals by what bounds, then kernels, slowest first, with their share of the time; what runs once
/// at load is one line.
std::string simulated_kernels_text(const driver::SimulateResult&, Width);

}  // namespace smeaton::report
