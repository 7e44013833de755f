// Reports as one HTML page that needs nothing else.
#pragma once

#include <string>

#include "driver/simulate/simulate.h"
#include "driver/study/study.h"
#include "report/table.h"

namespace smeaton::report {

std::string html(const driver::StudyResult&);
/// Of `simulate`: classes by phase, roofline, units and memory over time, kernels.
std::string html(const driver::SimulateResult&);
std::string text(const driver::StudyResult&, Width = {});
std::string json(const driver::StudyResult&);

}  // namespace smeaton::report
