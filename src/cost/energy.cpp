#include "cost/energy.h"

#include <fmt/format.h>

#include "cost/kernel_cost.h"
#include "machine/energy.h"
#include "machine/query.h"
#include "machine/words.h"

namespace smeaton::cost {
namespace {

using machine::Interval;
using machine::Level;
using machine::Machine;
using machine::Number;
using machine::OpClass;
using machine::Unit;
using tensor::DType;

class Meter {
public:
    Meter(const Machine& m, KernelEnergy& energy) : m_(m), energy_(energy) {}

    void operations(const Unit& unit, OpClass op, DType dtype, double count) {
        if (count <= 0) return;
        const std::string what = fmt::format("{} {}", machine::text(op), tensor::name(dtype));
        add(unit.name, what, count, class_energy_pj(m_, unit, op, dtype),
            [&] { return fmt::format("unit {}: 'energy_pj' of {}", unit.name, what); });
    }

    void contraction(const ShapeUse& use) {
        for (const Unit& unit : m_.units) {
            if (Name(unit.name) != use.row.shape.unit) continue;
            const gir::MmaShape& s = use.row.shape;
            const std::string what = fmt::format("fma {}", tensor::name(s.a));
            add(unit.name, what, use.macs * use.row.left.value, shape_pj(unit, s),
                [&] { return fmt::format("unit {}: 'energy_pj' of {}", unit.name, what); });
        }
    }

    void bytes(const Level& level, bool write, double count) {
        const char* what = write ? "write" : "read";
        add(level.name, what, count, machine::access_energy_pj_per_byte(m_, level, write),
            [&] { return fmt::format("level {}: '{}_energy_pj_per_byte'", level.name, what); });
    }

private:
    std::optional<Number> shape_pj(const Unit& unit, const gir::MmaShape& s) const {
        for (const machine::ContractionShape& given : unit.shapes)
            if (given.a == s.a && given.b == s.b && given.acc == s.acc && given.rows == s.rows &&
                given.columns == s.columns && given.group == s.group && given.energy_pj)
                return given.energy_pj;
        return class_energy_pj(m_, unit, OpClass::Fma, s.a);
    }

    /// `name` makes that of a missing figure.
    template <class MakeName>
    void add(const std::string& part, const std::string& what, double count,
             const std::optional<Number>& each, const MakeName& name) {
        if (count <= 0) return;
        if (each)
            energy_.terms.push_back({part, what, count, *each});
        else
            energy_.missing.push_back(name());
    }

    const Machine& m_;
    KernelEnergy& energy_;
};

void add_operations(const KernelModel& model, const Machine& m, const Unit& vector, Meter& meter) {
    const Unit* scalar = nullptr;
    for (const Unit& unit : m.units)
        if (unit.kind == machine::UnitKind::Scalar) scalar = &unit;
    for (const auto& [key, count] : model.total.vector_instructions)
        meter.operations(
            vector, key.first, key.second,
            count * vector.vector_bits->value / std::max(32, tensor::bits(key.second)));
    for (const auto& [key, count] : model.total.scalar_instructions) {
        OpClass op = key.first == OpClass::FmaLoad ? OpClass::Fma : key.first;
        bool rated = scalar && machine::rate_gops(m, *scalar, op, key.second);
        meter.operations(rated ? *scalar : vector, op, key.second, count);
    }
    meter.operations(vector, OpClass::Gather, DType::kF32, model.total.gathered);
    meter.operations(vector, OpClass::Insert, DType::kF32, model.total.inserted);
    for (const ShapeUse& use : model.total_contractions) meter.contraction(use);
}

}  // namespace

std::optional<Interval> KernelEnergy::pj() const {
    if (!missing.empty()) return std::nullopt;
    Interval total = static_pj.value_or(Interval{0, 0, 0});
    for (const EnergyTerm& term : terms) total = total + term.each_pj.interval() * term.count;
    return total;
}

KernelEnergy energy_of(const KernelModel& model, const KernelCost& cost, const Machine& m,
                       const CostOptions& options) {
    KernelEnergy energy;
    if (!machine::tells_energy(m)) {
        energy.missing.push_back("machine: 'technology', or the energies of its units and levels");
        return energy;
    }
    Meter meter(m, energy);
    add_operations(model, m, vector_unit_of(m, options), meter);
    for (const LevelCost& at : cost.levels) {
        const Level& level = *machine::find_level(m, at.name);
        meter.bytes(level, false, at.read_bytes);
        meter.bytes(level, true, at.write_bytes);
    }
    constexpr double kPjPerWattUs = 1e6;
    if (auto leakage = machine::leakage_of(m).value)
        energy.static_pj = *leakage * cost.time_us * kPjPerWattUs;
    return energy;
}

KernelEnergy repeated(KernelEnergy energy, double times) {
    for (EnergyTerm& term : energy.terms) term.count *= times;
    if (energy.static_pj) energy.static_pj = *energy.static_pj * times;
    return energy;
}

}  // namespace smeaton::cost
