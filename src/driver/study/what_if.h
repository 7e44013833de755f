// What a better machine would gain: the model priced again on a machine with one figure doubled.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "driver/simulate/pricer.h"
#include "machine/machine.h"

namespace smeaton::driver {

/// Twice the bytes per second to and from the level, for one core and for all. UserError for a
/// level that the machine lacks.
machine::Machine with_twice_the_bandwidth(machine::Machine, const std::string& level);
/// Twice the innermost units, each with the levels of its own; what they share stays. Nothing where
/// the machine has no scopes.
std::optional<machine::Machine> with_twice_the_cores(machine::Machine);
/// Twice the operations per second of every unit; latencies in cycles stay.
machine::Machine with_twice_the_peak(machine::Machine);

struct WhatIf {
    std::string what;   ///< "bandwidth", "cores", "peak": what was doubled
    std::string level;  ///< whose bandwidth; else empty
    double time_ms = 0;
    double gain = 0;  ///< part of the base time that it saves
};

struct WhatIfs {
    double base_ms = 0;  ///< predicted for the machine as it is, the same way
    std::vector<WhatIf> rows;
};

/// Each level's bandwidth, the cores (with as many more threads), the peak: one at a time. Each
/// machine runs what is faster on it: `compiled`, or the model tiled anew for it.
WhatIfs what_if(Pricer&, const gir::Program& compiled, const machine::Machine&,
                const SimulateOptions&);

}  // namespace smeaton::driver
