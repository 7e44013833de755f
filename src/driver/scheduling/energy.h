// What ways to run kernels draw, where the OS has no counters: by a machine's description.
#pragma once

#include "driver/session.h"
#include "driver/simulate/simulate.h"
#include "gir/program.h"
#include "machine/machine.h"

namespace smeaton::driver {

/// Fills in the joules of a choice's ways where none were measured: what operations and bytes draw
/// by the closed-form model (the same for all ways), and the machine's leakage (W) over each way's
/// measured time. `energy_of` says so; where figures are missing, `energy_missing` names them.
void predict_energy(ParallelChoice&, const gir::Program&, const machine::Machine&,
                    const SimulateOptions&);

}  // namespace smeaton::driver
