// What rewrites ask when bytes and operations do not tell whether a change pays.
#pragma once

#include <functional>

#include "gir/program.h"
#include "gir/target.h"
#include "machine/machine.h"

namespace smeaton::cost {

/// A machine of the target's levels, rates and shapes at 3 GHz, whose unstated rates are those that
/// most CPUs have to their multiply-adds. For comparing kernels on one target: nothing is measured,
/// so that the same model gives the same code wherever it is compiled for that target.
machine::Machine machine_like(const gir::Target&);

/// Microseconds of a spelled kernel on one core of that machine, where each cache already holds
/// the buffers of which it has room for two. UserError for what no unit can do. `asked` (null: no
/// matter) gets, by level, for which capacities the answer is the same.
std::function<double(const gir::Program&, const gir::Kernel&, gir::Region* asked)> oracle_on(
    const gir::Target&);

}  // namespace smeaton::cost
