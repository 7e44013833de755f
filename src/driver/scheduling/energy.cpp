#include "driver/scheduling/energy.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "machine/energy.h"
#include "sim/simulate.h"

namespace smeaton::driver {

namespace {

/// Of one run, without leakage.
struct Dynamic {
    double pj = 0;
    std::set<std::string> missing;
};

Dynamic dynamic_of(const sim::ProgramCost& cost) {
    Dynamic sum;
    for (const cost::KernelCost& kernel : cost.kernels) {
        if (kernel.once) continue;
        sum.missing.insert(kernel.energy.missing.begin(), kernel.energy.missing.end());
        for (const cost::EnergyTerm& term : kernel.energy.terms)
            sum.pj += term.count * term.each_pj.value;
    }
    return sum;
}

}  // namespace

void predict_energy(ParallelChoice& choice, const gir::Program& program,
                    const machine::Machine& machine, const SimulateOptions& options) {
    if (choice.ways.empty() || choice.energy_of.starts_with("RAPL")) return;
    const std::string uncounted =
        choice.energy_missing.empty() ? "" : choice.energy_missing + ", and ";
    if (!machine::tells_energy(machine)) {
        choice.energy_missing =
            fmt::format("{}{} says nothing of energy: give a description that does with --machine",
                        uncounted, machine.name);
        return;
    }
    sim::ProgramCost cost;
    try {
        cost = sim::simulate(program, machine, {options.threads, options.vector_bits});
    } catch (const UserError& error) {
        choice.energy_missing = uncounted + error.what();
        return;
    }
    const Dynamic dynamic = dynamic_of(cost);
    if (!dynamic.missing.empty()) {
        choice.energy_missing =
            fmt::format("{}{} lacks {}", uncounted, machine.name, fmt::join(dynamic.missing, ", "));
        return;
    }
    const double leakage_w = cost.leakage_w.value ? cost.leakage_w.value->value : 0;
    for (TriedWay& way : choice.ways)
        way.joules = dynamic.pj * 1e-12 * choice.samples + leakage_w * way.us * 1e-6;
    choice.energy_of = fmt::format(
        "predicted by the figures of {}: {:.3g} mJ of operations and bytes, {} over the measured "
        "time",
        machine.name, dynamic.pj * 1e-9 * choice.samples,
        cost.leakage_w.value ? fmt::format("{:.3g} W", leakage_w)
                             : "leakage, which it does not state, left out");
    choice.energy_missing.clear();
}

}  // namespace smeaton::driver
