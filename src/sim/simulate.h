// A program on a described machine, in closed form: kernels one after another, caches warm from one
// to the next.
#pragma once

#include <string>
#include <vector>

#include "base/workers.h"
#include "cost/kernel_cost.h"
#include "machine/energy.h"
#include "sim/kept_models.h"

namespace smeaton::sim {

struct SimOptions {
    int threads = 0;             ///< 0: all cores of the machine
    int vector_bits = 0;         ///< 0: the main vector unit's
    bool overlap = true;         ///< cost::CostOptions
    KeptModels* kept = nullptr;  ///< null: nothing is kept
    /// Share the kernels; null: this thread does them all. Nothing depends on it.
    Workers* workers = nullptr;
};

struct ProgramCost {
    std::string machine;
    int threads = 1;
    std::vector<cost::KernelCost> kernels;  ///< in step order, `once` ones included
    machine::Interval time_us;              ///< of one run, without the `once` kernels
    machine::Interval once_us;              ///< at load
    double flops = 0;                       ///< of one run
    machine::WholeFigure area_mm2, leakage_w;
};

/// Energy of one run, the `once` kernels apart, and the power that it means.
struct ProgramEnergy {
    std::optional<machine::Interval> run_pj, once_pj;  ///< nothing when a figure is missing
    std::vector<std::string> missing;                  ///< each once, sorted
    machine::Interval average_w{0, 0, 0};
    machine::Interval peak_w{0, 0, 0};  ///< of the kernel that draws the most
};
ProgramEnergy energy_of(const ProgramCost&);

/// One run in the steady state: what the run before left in the caches is there. The program must
/// be tiled for the machine (its vector width, its scratchpads) and have all sizes bound. A branch
/// costs its dearer side, a repeat its trips (UserError where they are not known). UserError, too,
/// for a machine whose arrays are not fed (cost/fed.h): whoever prices a machine comes by here.
ProgramCost simulate(const gir::Program&, const machine::Machine&, const SimOptions& = {});

}  // namespace smeaton::sim
