#include "gir/target.h"

#include <algorithm>

#include "base/error.h"

namespace smeaton::gir {

namespace {

int64_t rounded_up(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

/// Tiles that a level must have room for so that one may live there: a second beside it, unless the
/// capacity is that of one part already and no stream of operands wants room too.
int64_t tiles_at_once(const TargetLevel& l) {
    const bool streams = l.takes(OperandRole::A) || l.takes(OperandRole::B);
    return l.parts > 1 && (!streams || l.roles.size() == 1) ? 1 : 2;
}

}  // namespace

bool TargetLevel::takes(OperandRole role) const {
    return roles.empty() || std::find(roles.begin(), roles.end(), role) != roles.end();
}

const TargetLevel* Target::find(Name name) const {
    for (const TargetLevel& l : levels)
        if (l.name == name) return &l;
    return nullptr;
}

const TargetLevel& Target::level(Name name) const {
    const TargetLevel* found = find(name);
    SMEATON_CHECK(found, "the target has no level {}", name);
    return *found;
}

const TargetLevel& Target::outwards_of(const TargetLevel& l) const {
    return l.next.empty() ? outermost() : level(l.next);
}

const TargetLevel& Target::level_for(OperandRole role, int64_t bytes) const {
    if (registers().takes(role) && registers().capacity.holds(bytes)) return registers();
    return memory_for(role, bytes);
}

const TargetLevel& Target::memory_for(OperandRole role, int64_t bytes) const {
    for (size_t i = 1; i < levels.size(); ++i)
        if (levels[i].takes(role) && levels[i].capacity.holds(tiles_at_once(levels[i]) * bytes))
            return levels[i];
    return outermost();
}

const TargetLevel& Target::first_level(OperandRole role) const {
    return memory_for(role, 0);
}

const TargetLevel& Target::panel_level(OperandRole role) const {
    const TargetLevel& first = first_level(role);
    return first.software_managed ? first : outwards_of(first);
}

int64_t Target::units(Name scope) const {
    if (scope.empty()) return 1;
    if (scopes.empty()) return cores;
    int64_t count = 1;
    for (const TargetScope& s : scopes) {
        count *= s.count;
        if (s.name == scope) return count;
    }
    SMEATON_CHECK(false, "the target has no scope {}", scope);
    return 0;
}

int64_t Target::all_cores() const {
    return scopes.empty() ? cores : units(scopes.back().name);
}

Name Target::core_scope() const {
    return scopes.empty() ? Name("core") : scopes.back().name;
}

int64_t Target::depth(Name scope) const {
    if (scope.empty()) return 0;
    for (size_t i = 0; i < scopes.size(); ++i)
        if (scopes[i].name == scope) return static_cast<int64_t>(i) + 1;
    return std::max<int64_t>(1, static_cast<int64_t>(scopes.size()));
}

int64_t Target::sharers(const TargetLevel& l) const {
    int64_t instances = units(l.scope);
    int64_t cores_each = std::max<int64_t>(1, all_cores() / instances);
    int64_t used = std::clamp<int64_t>(rounded_up(cores, cores_each), 1, instances);
    return std::max<int64_t>(1, rounded_up(cores, used));
}

int64_t Target::lanes(DType dtype) const {
    for (const TargetLanes& l : lanes_of)
        if (l.dtype == dtype) return l.lanes;
    return std::max(1, vector_bytes * 8 / std::max(32, tensor::bits(dtype)));
}

MmaShape Target::shape_for(DType a, DType b, DType acc) const {
    auto rated = [&](DType x, DType y) -> const MmaShape* {
        for (const MmaShape& s : shapes)
            if (s.a == x && s.b == y && s.acc == acc) return &s;
        return nullptr;
    };
    if (const MmaShape* exact = rated(a, b)) return *exact;
    if (const MmaShape* converted = rated(acc, acc)) return *converted;
    MmaShape like = vector_multiply_add();
    like.a = like.b = like.acc = acc;
    like.columns = lanes(acc);
    return like;
}

MmaShape Target::vector_multiply_add() const {
    for (const MmaShape& s : shapes)
        if (s.acc == DType::kF32 && s.a == s.acc && s.rows == 1 && s.group == 1) return s;
    return {};
}

Target noting(Target target, Region& asked) {
    asked.assign(target.levels.size(), {});
    for (size_t i = 0; i < asked.size(); ++i)
        target.levels[i].capacity = target.levels[i].capacity.noting(&asked[i]);
    return target;
}

std::vector<double> capacities_by_level(const Target& target) {
    std::vector<double> bytes;
    for (const TargetLevel& l : target.levels)
        bytes.push_back(static_cast<double>(l.capacity.noting(nullptr).bytes()));
    return bytes;
}

std::map<Name, int64_t> capacities(const Target& target) {
    std::map<Name, int64_t> bytes;
    for (const TargetLevel& l : target.levels)
        if (&l != &target.registers() && l.capacity.bounded())
            bytes[l.name] = l.capacity.bytes() * l.parts;
    return bytes;
}

bool Target::sums_in_registers(const MmaShape& shape) const {
    if (!shape.acc_in.empty()) return shape.acc_in == registers().name;
    return registers().takes(OperandRole::Acc);
}

}  // namespace smeaton::gir
