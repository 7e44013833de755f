// What one run of a kernel draws: each operation and each byte at a level times the figure that the
// machine gives for it (machine/energy.h).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "machine/number.h"

namespace smeaton::machine {
struct Machine;
}

namespace smeaton::cost {

struct CostOptions;
struct KernelCost;
struct KernelModel;

/// count x each: operations of a class on a unit, bytes read from or written to a level.
struct EnergyTerm {
    std::string part;  ///< unit or level
    std::string what;  ///< "fma f32", "read", "write"
    double count = 0;  ///< elements, or bytes
    machine::Number each_pj;
};

struct KernelEnergy {
    std::vector<EnergyTerm> terms;
    std::vector<std::string> missing;            ///< figures that the machine does not give
    std::optional<machine::Interval> static_pj;  ///< leakage over the kernel's time, where given

    /// Of all terms and the leakage; nothing when a figure is missing.
    std::optional<machine::Interval> pj() const;
};

/// Of all threads. Operations are those of docs/cost.md: a partial vector counts as a whole one, a
/// contraction's multiply-adds are the program's, without padding. Nothing but `missing` on a
/// machine that says nothing of energy.
KernelEnergy energy_of(const KernelModel&, const KernelCost&, const machine::Machine&,
                       const CostOptions&);

/// The same `times` over.
KernelEnergy repeated(KernelEnergy, double times);

}  // namespace smeaton::cost
