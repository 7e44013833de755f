// What no way of fusing, laying out and tiling a program goes below on a machine: a lower bound on
// its time, from the program as it was lowered.
#pragma once

#include "gir/program.h"
#include "machine/machine.h"

namespace smeaton::cost {

/// What a run does whatever becomes of its kernels.
struct Least {
    double macs = 0;         ///< multiply-adds, those on padding apart
    double read_bytes = 0;   ///< of contractions' weights that lay in memory before, each once
    double write_bytes = 0;  ///< of outputs
};

/// UserError where sizes are open.
Least least_of(const gir::Program& lowered);

/// Microseconds: the larger of
///     macs / (all units' best rate of multiply-adds), and
///     bytes / (what the outermost level reads and writes).
/// Bytes count where every level is managed by software, so that nothing is left in a cache by the
/// run before. Never more than the closed-form cost of the program on the machine, which is the sum
/// over kernels of no less than their compute and their data time (kernel_cost.h). Monotone: a
/// machine with higher rates and bandwidths has no more.
double least_us(const Least&, const machine::Machine&);

}  // namespace smeaton::cost
