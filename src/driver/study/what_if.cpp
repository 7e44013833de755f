#include "driver/study/what_if.h"

#include <algorithm>

#include "base/error.h"
#include "machine/query.h"

namespace smeaton::driver {

namespace {

using machine::Machine;
using machine::Number;

void twice(Number& n) {
    n = Number(n.interval() * 2, n.source);
}
void twice(std::optional<Number>& n) {
    if (n) twice(*n);
}

}  // namespace

Machine with_twice_the_bandwidth(Machine m, const std::string& name) {
    auto level = std::find_if(m.levels.begin(), m.levels.end(),
                              [&](const auto& l) { return l.name == name; });
    if (level == m.levels.end()) throw UserError("{} has no level '{}'", m.name, name);
    for (auto* bandwidth : {&level->read, &level->write, &level->copy})
        if (*bandwidth) {
            twice((*bandwidth)->one_gb_s);
            twice((*bandwidth)->all_gb_s);
        }
    twice(level->port_gb_s);
    return m;
}

std::optional<Machine> with_twice_the_cores(Machine m) {
    if (m.scopes.empty()) return std::nullopt;
    machine::Scope& core = m.scopes.back();
    core.count *= 2;
    // What all reach together grows with them where each has its own.
    for (machine::Level& level : m.levels)
        if (level.private_to == core.name)
            for (auto* bandwidth : {&level.read, &level.write, &level.copy})
                if (*bandwidth) twice((*bandwidth)->all_gb_s);
    for (machine::Unit& unit : m.units)
        if (unit.private_to == core.name)
            for (machine::Rate& rate : unit.rates) twice(rate.all_gops_per_s);
    return m;
}

Machine with_twice_the_peak(Machine m) {
    for (machine::Unit& unit : m.units) {
        for (machine::Rate& rate : unit.rates) {
            twice(rate.per_cycle);
            twice(rate.gops_per_s);
            twice(rate.all_gops_per_s);
            // An array that states no speed does rows x columns in a cycle.
            if (!rate.per_cycle && !rate.gops_per_s && unit.rows && unit.columns)
                rate.per_cycle = Number(2 * unit.rows->value * unit.columns->value);
        }
        for (machine::ContractionShape& shape : unit.shapes) {
            twice(shape.per_cycle);
            twice(shape.gops_per_s);
        }
    }
    return m;
}

WhatIfs what_if(Pricer& pricer, const gir::Program& compiled, const Machine& m,
                const SimulateOptions& options) {
    auto time_ms = [&](const Machine& on, const SimulateOptions& with) {
        return std::min(pricer.price(on, with).time_ms.value,
                        simulate_program(compiled, on, with).time_ms.value);
    };
    WhatIfs all;
    all.base_ms = time_ms(m, options);
    auto add = [&](const std::string& what, const std::string& level, const Machine& better,
                   const SimulateOptions& with) {
        WhatIf row{what, level, time_ms(better, with), 0};
        if (all.base_ms > 0) row.gain = 1 - row.time_ms / all.base_ms;
        all.rows.push_back(row);
    };
    for (const machine::Level& level : m.levels)
        if (level.read || level.port_gb_s)
            add("bandwidth", level.name, with_twice_the_bandwidth(m, level.name), options);
    SimulateOptions doubled = options;
    doubled.threads *= 2;  // 0 stays all
    if (auto better = with_twice_the_cores(m)) add("cores", "", *better, doubled);
    add("peak", "", with_twice_the_peak(m), options);
    return all;
}

}  // namespace smeaton::driver
