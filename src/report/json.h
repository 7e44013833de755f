// Results as JSON, one object each; docs/json.md lists the keys.
#pragma once

#include <string>

#include "driver/cache.h"
#include "driver/inspect/inspect.h"
#include "driver/simulate/simulate.h"
#include "driver/study/measure.h"
#include "driver/study/probe_here.h"
#include "driver/train/train.h"

namespace smeaton::report {

// Each ends in a newline. Numbers that JSON cannot say (NaN, infinity) become null.
std::string json(const driver::InspectResult&);
std::string json(const driver::MeasureResult&);
std::string json(const driver::ProbeResult&);
std::string json(const driver::SimulateResult&);
std::string json(const driver::TrainResult&);
std::string json(const driver::CacheResult&);
/// What a stage made, where the stages were stopped there.
std::string json_of_stage(const std::string& model, const std::string& stage,
                          const std::string& text);

}  // namespace smeaton::report
