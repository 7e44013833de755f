// This machine's own row of a comparison: measured, not computed.
#pragma once

#include "compare/compare.h"
#include "driver/compare/workload.h"

namespace smeaton::driver {

/// Compiles and runs the model at random inputs; energy where the kernel counts it (powercap).
/// UserError for models without weights (a config.json), which cannot run.
compare::DeviceRow measured_here(const WorkloadRequest&, const compare::Workload&);

}  // namespace smeaton::driver
