#include "sim/constants.h"

#include <fmt/format.h>

#include <set>

#include "machine/words.h"

namespace smeaton::sim {
namespace {

using machine::Machine;
using machine::Number;

class List {
public:
    explicit List(const Machine& m) : m_(m) {}

    void add(const std::string& part, const std::string& what, const char* unit, const Number& n) {
        if (seen_.insert(part + "/" + what).second)
            constants_.push_back({part, what, unit, n.interval(), written_out(n.source)});
    }
    void add(const std::string& part, const std::string& what, const char* unit,
             const std::optional<Number>& n) {
        if (n) add(part, what, unit, *n);
    }
    void bandwidth(const std::string& part, const char* what,
                   const std::optional<machine::Bandwidth>& b) {
        if (!b) return;
        add(part, what, "GB/s", b->one_gb_s);
        add(part, fmt::format("{}, all cores", what), "GB/s", b->all_gb_s);
    }
    std::vector<Constant> take() { return std::move(constants_); }

private:
    /// A source starts with a name of the table, alone or followed by ':' and where in it.
    std::string written_out(const std::string& source) const {
        for (const auto& [name, reference] : m_.sources) {
            if (source == name) return reference;
            if (source.rfind(name + ":", 0) == 0)
                return fmt::format("{} ({})", reference, source.substr(name.size() + 2));
        }
        return source;
    }

    const Machine& m_;
    std::vector<Constant> constants_;
    std::set<std::string> seen_;
};

void add_level(List& list, const machine::Level& level) {
    std::string part = "level " + level.name;
    list.add(part, "capacity", "bytes", level.capacity_bytes);
    list.add(part, "line", "bytes", level.line_bytes);
    list.add(part, "parts", "", level.depth);
    list.bandwidth(part, "read", level.read);
    list.bandwidth(part, "write", level.write);
    list.bandwidth(part, "copy", level.copy);
    list.add(part, "port", "GB/s", level.port_gb_s);
    list.add(part, "split", "", level.split);
    list.add(part, "latency", "ns", level.latency_ns);
    list.add(part, "stall", "ns", level.stall_ns);
    list.add(part, "kept", "ms", level.kept_ms);
}

void add_unit(List& list, const machine::Unit& unit) {
    std::string part = "unit " + unit.name;
    list.add(part, "clock", "GHz", unit.clock_ghz);
    list.add(part, "rows", "", unit.rows);
    list.add(part, "columns", "", unit.columns);
    list.add(part, "vector", "bits", unit.vector_bits);
    list.add(part, "in flight", "instructions", unit.in_flight);
    for (const machine::Rate& rate : unit.rates) {
        std::string what = fmt::format("{} {}", machine::text(rate.op), tensor::name(rate.dtype));
        list.add(part, what, "per cycle", rate.per_cycle);
        list.add(part, what, "G/s", rate.gops_per_s);
        list.add(part, what + ", latency", "cycles", rate.latency_cycles);
    }
}

}  // namespace

std::vector<Constant> constants_of(const ProgramCost& cost, const Machine& m) {
    List list(m);
    list.add("machine", "clock", "GHz", m.clock_ghz);
    for (const machine::Level& level : m.levels) add_level(list, level);
    for (const machine::Unit& unit : m.units) add_unit(list, unit);
    for (const cost::KernelCost& kernel : cost.kernels)
        for (const cost::EnergyTerm& term : kernel.energy.terms) {
            bool level = term.what == "read" || term.what == "write";
            list.add((level ? "level " : "unit ") + term.part, term.what + " energy",
                     level ? "pJ/byte" : "pJ", term.each_pj);
        }
    for (const auto& part : cost.area_mm2.parts) list.add(part.what, "area", "mm2", part.each);
    for (const auto& part : cost.leakage_w.parts) list.add(part.what, "leakage", "W", part.each);
    return list.take();
}

}  // namespace smeaton::sim
