// A simulated run's kernels by class and phase. Included by .cpp files of this folder only.
#pragma once

#include <string>
#include <vector>

#include "driver/simulate/simulate.h"

namespace smeaton::report {

struct ClassPhase {
    std::string name, phase;
    double time_us = 0, compute_us = 0, pj = 0;
    double bytes = 0;  ///< of the outermost level
    int kernels = 0;
};

/// In the order in which they first run; what runs once at load is left out.
std::vector<ClassPhase> class_phases(const driver::SimulateResult&);

}  // namespace smeaton::report
