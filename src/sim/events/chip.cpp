#include "sim/events/chip.h"

#include <algorithm>

#include "base/error.h"
#include "machine/query.h"

namespace smeaton::sim::events {
namespace {

void check_walkable(const machine::Machine& m) {
    for (const machine::Level& level : m.levels)
        if (level.managed == machine::Managed::Hardware)
            throw UserError(
                "--events: level {} of machine {} is a cache; events walk machines whose levels "
                "are "
                "all managed by software",
                level.name, m.name);
    if (machine::core_count(m) > 1)
        throw UserError("--events: machine {} has {} cores; events walk one", m.name,
                        machine::core_count(m));
}

std::optional<machine::Number> one(const std::optional<machine::Bandwidth>& b) {
    return b ? std::optional(b->one_gb_s) : std::nullopt;
}

}  // namespace

Chip::Chip(const machine::Machine& m) : machine_(m) {
    check_walkable(m);
    for (const machine::Unit& unit : m.units) unit_engines_[unit.name] = add_engine(unit.name);
    for (const machine::Level& level : m.levels) {
        into_.push_back(add_engine("into " + level.name));
        out_of_.push_back(add_engine("out of " + level.name));
        read_.push_back(add_link("read " + level.name, one(level.read)));
        write_.push_back(add_link("write " + level.name, one(level.write)));
        copy_.push_back(add_link("copy " + level.name, one(level.copy)));
        port_.push_back(add_link("port " + level.name, level.port_gb_s));
        int next = -1;
        for (size_t l = 0; l < m.levels.size(); ++l)
            if (m.levels[l].name == level.next) next = static_cast<int>(l);
        next_.push_back(next);
    }
}

int Chip::add_engine(const std::string& name) {
    engines_.push_back({name});
    return static_cast<int>(engines_.size()) - 1;
}

int Chip::add_link(const std::string& name, const std::optional<machine::Number>& gb_s) {
    if (!gb_s) return -1;
    links_.push_back({name, gb_s->value * 1e9});
    return static_cast<int>(links_.size()) - 1;
}

int Chip::level(Name name) const {
    for (size_t l = 0; l < machine_.levels.size(); ++l)
        if (Name(machine_.levels[l].name) == name) return static_cast<int>(l);
    bool register_file = name == Name("reg") || name == Name("local");
    return register_file ? 0 : static_cast<int>(machine_.levels.size()) - 1;
}

int Chip::unit_engine(const std::string& unit) const {
    auto found = unit_engines_.find(unit);
    SMEATON_CHECK(found != unit_engines_.end(), "machine {} has no unit {}", machine_.name, unit);
    return found->second;
}

int Chip::level_for(machine::OperandRole role) const {
    for (size_t l = 0; l < machine_.levels.size(); ++l) {
        const auto& roles = machine_.levels[l].roles;
        if (roles.empty() || std::find(roles.begin(), roles.end(), role) != roles.end())
            return static_cast<int>(l);
    }
    return static_cast<int>(machine_.levels.size()) - 1;
}

bool Chip::inwards(int inner, int outer) const {
    for (int at = next_[static_cast<size_t>(inner)]; at >= 0; at = next_[static_cast<size_t>(at)])
        if (at == outer) return true;
    return false;
}

void Chip::append_level(Flow& flow, int level, bool write) const {
    auto l = static_cast<size_t>(level);
    for (int link : {copy_[l], write ? write_[l] : read_[l]})
        if (link >= 0) flow.links.push_back(link);
}

void Chip::append_ports(Flow& flow, int a, int b) const {
    for (auto [inner, outer] : {std::pair{a, b}, std::pair{b, a}}) {
        if (!inwards(inner, outer)) continue;
        for (int at = inner; at != outer; at = next_[static_cast<size_t>(at)])
            if (port_[static_cast<size_t>(at)] >= 0)
                flow.links.push_back(port_[static_cast<size_t>(at)]);
        return;
    }
}

Flow Chip::access(int level, bool write, double bytes, int near) const {
    Flow flow{{}, bytes, level, write};
    append_level(flow, level, write);
    append_ports(flow, near, level);
    return flow;
}

}  // namespace smeaton::sim::events
