#include "machine/energy.h"

#include <fmt/format.h>

#include <algorithm>

#include "machine/query.h"
#include "machine/tech/tables.h"

namespace smeaton::machine {
namespace {

using tensor::DType;

/// Adders and multipliers of one instance. An array multiplies and adds in every cell, a vector
/// unit in every lane; operands of the largest dtype are the others' as well.
std::optional<Number> unit_mm2(const Machine& m, const Unit& unit) {
    if (unit.area_mm2 || !m.technology) return unit.area_mm2;
    std::optional<Number> largest;
    for (const Rate& rate : unit.rates) {
        if (rate.op != OpClass::Fma && rate.op != OpClass::Add && rate.op != OpClass::Mul) continue;
        auto add = tech::op_mm2(*m.technology, OpClass::Add, rate.dtype);
        auto mul = tech::op_mm2(*m.technology, OpClass::Mul, rate.dtype);
        if (!add || !mul) continue;
        double cells = unit.kind == UnitKind::Systolic ? unit.rows->value * unit.columns->value
                       : unit.kind == UnitKind::Vector
                           ? static_cast<double>(lanes_of(unit, rate.dtype))
                           : 1;
        Number here((add->interval() + mul->interval()) * cells, add->source);
        if (!largest || here.value > largest->value) largest = here;
    }
    return largest;
}

std::optional<Number> level_mm2(const Machine& m, const Level& level) {
    if (level.area_mm2 || !m.technology) return level.area_mm2;
    return tech::sram_mm2(*m.technology, level.capacity_bytes.value);
}

void add(WholeFigure& whole, const std::string& what, const std::optional<Number>& each,
         double count, const char* key) {
    if (each)
        whole.parts.push_back({what, count, *each});
    else
        whole.missing.push_back(fmt::format("{}: '{}'", what, key));
}

void sum(WholeFigure& whole) {
    if (!whole.missing.empty() || whole.parts.empty()) return;
    Interval total{0, 0, 0};
    for (const WholeFigure::Part& part : whole.parts)
        total = total + part.each.interval() * part.count;
    whole.value = total;
}

double instances(const Machine& m, const std::string& scope) {
    return static_cast<double>(unit_count(m, scope));
}

}  // namespace

bool tells_energy(const Machine& m) {
    bool levels = std::any_of(m.levels.begin(), m.levels.end(), [](const Level& l) {
        return l.read_energy_pj_per_byte || l.write_energy_pj_per_byte;
    });
    bool units = std::any_of(m.units.begin(), m.units.end(), [](const Unit& unit) {
        return std::any_of(unit.rates.begin(), unit.rates.end(),
                           [](const Rate& r) { return r.energy_pj.has_value(); }) ||
               std::any_of(unit.shapes.begin(), unit.shapes.end(),
                           [](const ContractionShape& s) { return s.energy_pj.has_value(); });
    });
    return m.technology.has_value() || levels || units;
}

std::optional<Number> op_energy_pj(const Machine& m, const Unit& unit, OpClass op, DType dtype) {
    for (const Rate& rate : unit.rates)
        if (rate.op == op && rate.dtype == dtype && rate.energy_pj) return rate.energy_pj;
    return m.technology ? tech::op_pj(*m.technology, op, dtype) : std::nullopt;
}

std::optional<Number> access_energy_pj_per_byte(const Machine& m, const Level& level, bool write) {
    const auto& given = write ? level.write_energy_pj_per_byte : level.read_energy_pj_per_byte;
    if (given || level.next.empty() || !m.technology) return given;
    return tech::sram_pj_per_byte(*m.technology, level.capacity_bytes.value);
}

WholeFigure area_of(const Machine& m) {
    WholeFigure whole;
    if (m.area_mm2) {
        add(whole, "machine", m.area_mm2, 1, "area_mm2");
    } else {
        for (const Unit& unit : m.units)
            add(whole, "unit " + unit.name, unit_mm2(m, unit), instances(m, unit.private_to),
                "area_mm2");
        for (const Level& level : m.levels)
            if (!level.next.empty())
                add(whole, "level " + level.name, level_mm2(m, level),
                    instances(m, level.private_to), "area_mm2");
    }
    sum(whole);
    return whole;
}

WholeFigure leakage_of(const Machine& m) {
    WholeFigure whole;
    if (m.leakage_w) {
        add(whole, "machine", m.leakage_w, 1, "leakage_w");
    } else {
        for (const Unit& unit : m.units)
            if (unit.leakage_w)
                add(whole, "unit " + unit.name, unit.leakage_w, instances(m, unit.private_to), "");
        for (const Level& level : m.levels)
            if (level.leakage_w)
                add(whole, "level " + level.name, level.leakage_w, instances(m, level.private_to),
                    "");
        if (whole.parts.empty()) whole.missing.push_back("machine: 'leakage_w'");
    }
    sum(whole);
    return whole;
}

}  // namespace smeaton::machine
