#include "machine/settings.h"

#include <algorithm>
#include <cmath>

namespace smeaton::machine {

namespace {

constexpr double kLaneBits = 32;

Number given(double value) {
    return {value, "set by hand"};
}

/// The figure with its range, times a factor.
void scale(Number& n, double factor) {
    n.value *= factor, n.low *= factor, n.high *= factor;
    n.source = "set by hand";
}

void scale(std::optional<Number>& n, double factor) {
    if (n) scale(*n, factor);
}

void scale(std::optional<Bandwidth>& b, double factor) {
    if (!b) return;
    scale(b->one_gb_s, factor);
    scale(b->all_gb_s, factor);
}

class Collector {
public:
    std::vector<Setting> settings;

    template <class Get>
    Setting& add(const std::string& key, double value, Better better, Get get) {
        settings.push_back(
            {key, value, false, better, "", [get](Machine& m, double v) { get(m) = given(v); }});
        return settings.back();
    }
    template <class Get>
    Setting* add_if(const std::string& key, const std::optional<Number>& n, Better better,
                    Get get) {
        return n ? &add(key, n->value, better, get) : nullptr;
    }
    Setting& add_set(const std::string& key, double value, Better better,
                     std::function<void(Machine&, double)> set) {
        settings.push_back({key, value, false, better, "", std::move(set)});
        return settings.back();
    }
};

void add_bandwidth(Collector& c, const std::string& key, size_t level,
                   std::optional<Bandwidth> Level::*which, const Level& of) {
    if (!(of.*which)) return;
    c.add_set(key, (of.*which)->one_gb_s.value, Better::More, [=](Machine& m, double v) {
        Bandwidth& b = *(m.levels[level].*which);
        scale(b.all_gb_s, v / b.one_gb_s.value);
        b.one_gb_s = given(v);
    });
}

void add_level(Collector& c, const Machine& machine, size_t i) {
    const Level& of = machine.levels[i];
    const std::string at = "levels." + of.name + ".";
    c.add(at + "capacity", of.capacity_bytes.value, Better::More,
          [i](Machine& m) -> Number& { return m.levels[i].capacity_bytes; });
    auto optional = [&](const char* key, std::optional<Number> Level::*which, Better better) {
        return c.add_if(at + key, of.*which, better,
                        [=](Machine& m) -> std::optional<Number>& { return m.levels[i].*which; });
    };
    optional("line", &Level::line_bytes, Better::Unknown);
    optional("ways", &Level::ways, Better::Unknown);
    add_bandwidth(c, at + "read_gb_s", i, &Level::read, of);
    add_bandwidth(c, at + "write_gb_s", i, &Level::write, of);
    add_bandwidth(c, at + "copy_gb_s", i, &Level::copy, of);
    if (of.read)
        c.add_set(at + "bandwidth_gb_s", of.read->one_gb_s.value, Better::More,
                  [i](Machine& m, double v) {
                      Level& level = m.levels[i];
                      const double factor = v / level.read->one_gb_s.value;
                      for (auto* b : {&level.read, &level.write, &level.copy}) scale(*b, factor);
                  });
    optional("latency_ns", &Level::latency_ns, Better::Less);
    optional("split", &Level::split, Better::Less);
    optional("stall_ns", &Level::stall_ns, Better::Less);
    optional("kept_ms", &Level::kept_ms, Better::More);
    if (Setting* depth = optional("depth", &Level::depth, Better::Unknown)) depth->whole = true;
    optional("port_gb_s", &Level::port_gb_s, Better::More);
    optional("read_energy_pj_per_byte", &Level::read_energy_pj_per_byte, Better::Less);
    optional("write_energy_pj_per_byte", &Level::write_energy_pj_per_byte, Better::Less);
    optional("area_mm2", &Level::area_mm2, Better::Less);
    optional("leakage_w", &Level::leakage_w, Better::Less);
}

void set_lanes(Unit& unit, double lanes) {
    const double factor = lanes * kLaneBits / unit.vector_bits->value;
    scale(unit.vector_bits, factor);
    for (Lanes& l : unit.lanes)
        l.count = std::max<int64_t>(1, std::llround(static_cast<double>(l.count) * factor));
    for (Rate& r : unit.rates) {
        scale(r.per_cycle, factor);
        scale(r.gops_per_s, factor);
        scale(r.all_gops_per_s, factor);
    }
}

/// Rows and columns set the pace of an array only where its fma leaves it to them.
std::string pace_is_given(const Unit& unit) {
    for (const Rate& r : unit.rates)
        if (r.op == OpClass::Fma && (r.per_cycle || r.gops_per_s))
            return "the unit's fma has a rate of its own: leave that out, and it is rows x columns "
                   "in a cycle";
    return "";
}

void add_unit(Collector& c, const Machine& machine, size_t i) {
    const Unit& of = machine.units[i];
    const std::string at = "units." + of.name + ".";
    auto optional = [&](const char* key, std::optional<Number> Unit::*which, Better better) {
        return c.add_if(at + key, of.*which, better,
                        [=](Machine& m) -> std::optional<Number>& { return m.units[i].*which; });
    };
    optional("clock_ghz", &Unit::clock_ghz, Better::More);
    if (Setting* bits = optional("vector_bits", &Unit::vector_bits, Better::Unknown))
        bits->whole = true;
    if (of.kind == UnitKind::Vector && of.vector_bits)
        c.add_set(at + "lanes", of.vector_bits->value / kLaneBits, Better::More,
                  [i](Machine& m, double v) { set_lanes(m.units[i], v); })
            .whole = true;
    if (Setting* registers = optional("registers", &Unit::registers, Better::Unknown))
        registers->whole = true;
    optional("in_flight", &Unit::in_flight, Better::More);
    for (const auto& [key, which] : {std::pair{"rows", &Unit::rows}, {"columns", &Unit::columns}})
        if (Setting* extent = optional(key, which, Better::More)) {
            extent->whole = true;
            extent->fixed = pace_is_given(of);
        }
    optional("area_mm2", &Unit::area_mm2, Better::Less);
    optional("leakage_w", &Unit::leakage_w, Better::Less);
}

void add_link(Collector& c, const Machine& machine, size_t i) {
    const Link& of = machine.links[i];
    const std::string at = "links." + of.name + ".";
    if (Setting* count =
            c.add_if(at + "count", of.count, Better::More,
                     [i](Machine& m) -> std::optional<Number>& { return m.links[i].count; }))
        count->whole = true;
    c.add(at + "bandwidth_gb_s", of.bandwidth_gb_s.value, Better::More,
          [i](Machine& m) -> Number& { return m.links[i].bandwidth_gb_s; });
    c.add(at + "latency_ns", of.latency_ns.value, Better::Less,
          [i](Machine& m) -> Number& { return m.links[i].latency_ns; });
}

}  // namespace

std::vector<Setting> settings_of(const Machine& machine) {
    Collector c;
    c.add("clock_ghz", machine.clock_ghz.value, Better::More,
          [](Machine& m) -> Number& { return m.clock_ghz; });
    for (const auto& [key, which] : {std::pair{"area_mm2", &Machine::area_mm2},
                                     {"power_w", &Machine::power_w},
                                     {"price_usd", &Machine::price_usd},
                                     {"leakage_w", &Machine::leakage_w}})
        c.add_if(key, machine.*which, Better::Less,
                 [which = which](Machine& m) -> std::optional<Number>& { return m.*which; });
    for (size_t i = 0; i < machine.scopes.size(); ++i)
        c.add_set("scopes." + machine.scopes[i].name + ".count",
                  static_cast<double>(machine.scopes[i].count), Better::More,
                  [i](Machine& m, double v) { m.scopes[i].count = static_cast<int64_t>(v); })
            .whole = true;
    for (size_t i = 0; i < machine.levels.size(); ++i) add_level(c, machine, i);
    for (size_t i = 0; i < machine.units.size(); ++i) add_unit(c, machine, i);
    for (size_t i = 0; i < machine.links.size(); ++i) add_link(c, machine, i);
    return std::move(c.settings);
}

}  // namespace smeaton::machine
