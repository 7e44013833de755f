#include "machine/query.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace smeaton::machine {

const Level* find_level(const Machine& machine, std::string_view name) {
    for (const Level& level : machine.levels)
        if (level.name == name) return &level;
    return nullptr;
}

int64_t unit_count(const Machine& machine, std::string_view scope) {
    if (scope.empty()) return 1;
    int64_t count = 1;
    for (const Scope& s : machine.scopes) {
        count *= s.count;
        if (s.name == scope) return count;
    }
    SMEATON_CHECK(false, "machine {} has no scope '{}'", machine.name, scope);
    return 0;
}

int64_t core_count(const Machine& machine) {
    return machine.scopes.empty() ? 1 : unit_count(machine, machine.scopes.back().name);
}

Interval clock_of(const Machine& machine, const Unit& unit) {
    return (unit.clock_ghz ? *unit.clock_ghz : machine.clock_ghz).interval();
}

std::optional<Interval> rate_gops(const Machine& machine, const Unit& unit, OpClass op,
                                  tensor::DType dtype) {
    for (const Rate& rate : unit.rates) {
        if (rate.op != op || rate.dtype != dtype) continue;
        if (rate.gops_per_s) return rate.gops_per_s->interval();
        if (rate.per_cycle) return rate.per_cycle->interval() * clock_of(machine, unit);
        return clock_of(machine, unit) * (unit.rows->value * unit.columns->value);
    }
    return std::nullopt;
}

Interval all_busy_share(const Machine& machine, const Unit& unit) {
    auto count = static_cast<double>(unit_count(machine, unit.private_to));
    for (OpClass op : {OpClass::FmaLoad, OpClass::Fma, OpClass::Add})
        for (const Rate& rate : unit.rates) {
            if (rate.op != op || !rate.all_gops_per_s) continue;
            Interval one = *rate_gops(machine, unit, op, rate.dtype) * count;
            // Both ends come from the same noisy host: the ratio of like ends, not the widest.
            Interval all = rate.all_gops_per_s->interval();
            double value = std::min(1.0, all.value / one.value);
            double a = std::min(1.0, all.low / one.low), b = std::min(1.0, all.high / one.high);
            return {std::min({a, b, value}), value, std::max({a, b, value})};
        }
    return Interval::exact(1);
}

const Unit* best_unit(const Machine& machine, OpClass op, tensor::DType dtype) {
    const Unit* best = nullptr;
    double best_rate = 0;
    for (const Unit& unit : machine.units) {
        std::optional<Interval> rate = rate_gops(machine, unit, op, dtype);
        if (rate && rate->value > best_rate) {
            best = &unit;
            best_rate = rate->value;
        }
    }
    return best;
}

std::optional<Interval> peak_gflops(const Machine& machine, tensor::DType dtype) {
    const Unit* unit = best_unit(machine, OpClass::Fma, dtype);
    if (!unit) return std::nullopt;
    return *rate_gops(machine, *unit, OpClass::Fma, dtype) * 2;
}

double stored_share(const Unit& unit, tensor::DType t) {
    if (!unit.sparse_n) return 1;
    const double place_bits = std::ceil(std::log2(unit.sparse_m->value));
    return unit.sparse_n->value / unit.sparse_m->value * (1 + place_bits / tensor::bits(t));
}

double stored_share(const Machine& machine, const Level& level, tensor::DType t) {
    if (level.roles != std::vector<OperandRole>{OperandRole::B}) return 1;
    for (const Unit& unit : machine.units)
        if (unit.sparse_n) return stored_share(unit, t);
    return 1;
}

int64_t lanes_of(const Unit& unit, tensor::DType t) {
    for (const Lanes& l : unit.lanes)
        if (l.dtype == t) return l.count;
    return std::max<int64_t>(
        1, static_cast<int64_t>(unit.vector_bits->value) / std::max(32, tensor::bits(t)));
}

Interval total_gb_s(const Bandwidth& bandwidth, int64_t cores) {
    Interval total = bandwidth.one_gb_s.interval() * static_cast<double>(cores);
    return cores > 1 && bandwidth.all_gb_s ? min(total, bandwidth.all_gb_s->interval()) : total;
}

const Unit* main_vector_unit(const Machine& machine) {
    // Where a wider unit is two halves of a narrower, their measured rates differ by chance.
    constexpr double kAsFast = 0.9;
    auto rate_of = [&](const Unit& unit) {
        auto rate = rate_gops(machine, unit, OpClass::Fma, tensor::DType::kF32);
        if (!rate) rate = rate_gops(machine, unit, OpClass::Add, tensor::DType::kF32);
        return rate ? rate->value : 0;
    };
    double best_rate = 0;
    for (const Unit& unit : machine.units)
        if (unit.kind == UnitKind::Vector) best_rate = std::max(best_rate, rate_of(unit));
    const Unit* best = nullptr;
    for (const Unit& unit : machine.units) {
        if (unit.kind != UnitKind::Vector || rate_of(unit) < kAsFast * best_rate) continue;
        if (!best || unit.vector_bits->value > best->vector_bits->value) best = &unit;
    }
    return best;
}

int fma_latency_times_rate(const Machine& machine, const Unit& unit) {
    for (const Rate& rate : unit.rates) {
        if (rate.op != OpClass::Fma || rate.dtype != tensor::DType::kF32) continue;
        if (!rate.latency_cycles || !unit.vector_bits) break;
        double lanes = unit.vector_bits->value / 32;
        double per_cycle = rate.per_cycle ? rate.per_cycle->value
                                          : rate.gops_per_s->value / clock_of(machine, unit).value;
        double issue = std::max(1.0, std::round(per_cycle / lanes));
        return static_cast<int>(std::max(1.0, std::round(rate.latency_cycles->value)) * issue);
    }
    return 8;
}

}  // namespace smeaton::machine
