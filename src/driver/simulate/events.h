// The event simulation of a tiled program beside its closed form.
#pragma once

#include "driver/simulate/simulate.h"
#include "gir/program.h"

namespace smeaton::driver {

/// Fills in `events` and each kernel's time by events; writes the timeline where options.trace
/// asks. UserError for a machine that events cannot walk.
void add_events(const gir::Program&, const machine::Machine&, const SimulateOptions&,
                SimulateResult&);

}  // namespace smeaton::driver
