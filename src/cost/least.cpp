#include "cost/least.h"

#include <algorithm>
#include <set>

#include "cost/kernel_cost.h"
#include "cost/shapes.h"
#include "cost/target.h"
#include "gir/contraction.h"
#include "gir/ledger/ledger.h"
#include "gir/names.h"
#include "machine/query.h"

namespace smeaton::cost {

namespace {

using machine::Machine;

double macs_of(const gir::Kernel& kernel, const gir::Program& program) {
    gir::Levels levels;
    levels.list.push_back({"memory", -1, {}});
    levels.list.push_back({"local", 0, {}});
    double macs = 0;
    const gir::Traffic traffic = gir::traffic_at(gir::ledger(kernel, program, levels));
    for (const auto& [op, count] : traffic.operations)
        if (op.first == gir::LedgerClass::Fma) macs += static_cast<double>(count);
    return macs;
}

double bytes_of(const gir::Buffer& b) {
    double elements = 1;
    for (const gir::NamedDim& d : b.dims) elements *= static_cast<double>(d.extent.value());
    return elements * tensor::bits(b.dtype) / 8.0;
}

/// Was it in memory before the run, for as long as no step has written it?
bool is_there_before(gir::Lifetime l) {
    return l == gir::Lifetime::Input || l == gir::Lifetime::Weight || l == gir::Lifetime::State;
}

/// Every element of the operand that a contraction calls its weight is multiplied once for each row
/// of the data, so all of it is read: parameters of the model, which a step of training has as
/// inputs and a program that learns as states, a cache that an earlier run has filled. Nothing
/// where it was made in the run, so that it need never lie in memory, or where both operands are
/// weights of the model: that may run at load. `done`: those that count no more.
double weight_bytes(const gir::Kernel& kernel, const gir::Program& program, std::set<Name>& done) {
    const auto c = gir::contraction_of(kernel, program);
    if (!c || c->weight_slice().within) return 0;
    auto lifetime = [&](Name n) { return program.buffer(gir::root_of(program, n)).lifetime; };
    const Name weight = gir::root_of(program, c->weight_slice().target);
    const bool at_load = lifetime(weight) == gir::Lifetime::Weight &&
                         lifetime(c->data_slice().target) == gir::Lifetime::Weight;
    if (at_load || !is_there_before(lifetime(weight)) || !done.insert(weight).second) return 0;
    const auto elements = static_cast<double>(gir::size_of(c->batch) * gir::size_of(c->n) *
                                              gir::size_of(c->k) * gir::size_of(c->taps));
    return std::min(bytes_of(program.buffer(weight)),
                    elements * tensor::bits(c->weight_dtype) / 8.0);
}

/// States that the step writes, or may.
void note_written_states(const gir::Step& step, const gir::Program& program,
                         std::set<Name>& written) {
    const auto* run = std::get_if<gir::RunStep>(&step.node);
    auto note = [&](const gir::Buffer& b) {
        const Name root = gir::root_of(program, b.name);
        if (program.buffer(root).lifetime == gir::Lifetime::State) written.insert(root);
    };
    if (run)
        for (Name n : run->kernel->writes) note(program.buffer(n));
    else
        for (const gir::Buffer& b : program.buffers) note(b);
}

/// Multiply-adds of all instances of the fastest unit for them, 1e9 per second.
double most_gops(const Machine& m) {
    double most = 0;
    for (const machine::Unit& unit : m.units) {
        const auto count = static_cast<double>(machine::unit_count(m, unit.private_to));
        if (unit.kind == machine::UnitKind::Scalar)
            for (const machine::Rate& r : unit.rates)
                if (auto gops = machine::rate_gops(m, unit, r.op, r.dtype))
                    most = std::max(most, gops->value * count);
        if (unit.kind != machine::UnitKind::Vector) continue;
        for (const ShapeRow& row : shapes_of(m, unit)) {
            double units = 1;
            for (const machine::Unit& u : m.units)
                if (u.name == row.shape.unit.str())
                    units = static_cast<double>(machine::unit_count(m, u.private_to));
            most = std::max(most, row.gops.value * units);
        }
    }
    return most;
}

}  // namespace

Least least_of(const gir::Program& lowered) {
    Least least;
    std::set<Name> done;
    for (const gir::Step& step : lowered.steps) {
        note_written_states(step, lowered, done);
        const auto* run = std::get_if<gir::RunStep>(&step.node);
        if (!run || run->once) continue;
        const double macs = macs_of(*run->kernel, lowered);
        // What depends on weights alone may run at load.
        const bool fed =
            std::any_of(run->kernel->reads.begin(), run->kernel->reads.end(), [&](Name n) {
                return lowered.buffer(gir::root_of(lowered, n)).lifetime != gir::Lifetime::Weight;
            });
        if (!fed) continue;
        least.macs += macs;
        least.read_bytes += weight_bytes(*run->kernel, lowered, done);
    }
    for (const gir::Buffer& b : lowered.buffers)
        if (b.lifetime == gir::Lifetime::Output && b.alias_of.empty())
            least.write_bytes += bytes_of(b);
    return least;
}

double least_us(const Least& least, const Machine& m) {
    const double gops = most_gops(m);
    double us = gops > 0 ? least.macs / gops * 1e-3 : 0;
    const machine::Level& memory = m.levels.back();
    if (!caches_of(m).empty() || !memory.read || !memory.write) return us;
    const int64_t cores = machine::core_count(m);
    auto gb_s = [&](const machine::Bandwidth& b) { return machine::total_gb_s(b, cores).value; };
    const double read = gb_s(*memory.read), write = gb_s(*memory.write);
    us = std::max({us, least.read_bytes / read * 1e-3, least.write_bytes / write * 1e-3});
    // In pairs, at the rate of copies; what is left over, at its own.
    if (!memory.copy) return us;
    const double any = std::max({read, write, gb_s(*memory.copy)});
    return std::max(us, (least.read_bytes + least.write_bytes) / any * 1e-3);
}

}  // namespace smeaton::cost
