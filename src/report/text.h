// Results as text tables, for a terminal: tables keep within a width where one is given.
#pragma once

#include <string>

#include "driver/cache.h"
#include "driver/inspect/inspect.h"
#include "driver/simulate/simulate.h"
#include "driver/study/measure.h"
#include "driver/study/probe_here.h"
#include "driver/train/train.h"
#include "report/table.h"

namespace smeaton::report {

std::string text(const driver::InspectResult&, Width = {});
std::string text(const driver::MeasureResult&, Width = {});
std::string text(const driver::ProbeResult&);
std::string text(const driver::SimulateResult&, Width = {});
std::string text(const driver::TrainResult&);
std::string text(const driver::CacheResult&, Width = {});
/// A line for each output that is as expected; what is not is the caller's to say.
std::string checks_text(const std::vector<driver::Comparison>&);
std::string memory_text(const driver::MemoryStats&);

}  // namespace smeaton::report
