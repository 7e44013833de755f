#include "gir/target.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "base/error.h"

namespace smeaton::gir {

namespace {

int64_t rounded_up(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

const MmaShape& asked_for(const MmaShape& row) {
    row.number.note();
    return row;
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
    return std::max<int64_t>(
        1, static_cast<int64_t>(vector_bytes) * 8 / std::max(32, tensor::bits(dtype)));
}

MmaShape Target::shape_for(DType a, DType b, DType acc) const {
    auto rated = [&](DType x, DType y) -> const MmaShape* {
        for (const MmaShape& s : shapes)
            if (s.a == x && s.b == y && s.acc == acc) return &s;
        return nullptr;
    };
    const MmaShape* row = rated(a, b);
    if (!row) row = rated(acc, acc);
    if (row) return asked_for(*row);
    MmaShape like = vector_multiply_add();
    like.a = like.b = like.acc = acc;
    like.columns = lanes(acc);
    return like;
}

MmaShape Target::vector_multiply_add() const {
    for (const MmaShape& s : shapes) {
        if (s.acc != DType::kF32 || s.a != s.acc || s.holds_b) continue;
        if (asked_for(s).rows == 1 && s.group == 1) return s;
    }
    return {};
}

namespace {

/// All numbers, level by level: capacities first, so that a level's index is that of its capacity.
template <class Visit>
void each_figure(Target& target, const Visit& visit) {
    for (TargetLevel& l : target.levels) visit(l.read_bytes_per_cycle);
    for (TargetLevel& l : target.levels) visit(l.write_bytes_per_cycle);
    for (Figure* f : {&target.vector_bytes, &target.vector_registers, &target.loads_per_cycle,
                      &target.gathers_per_cycle, &target.inserts_per_cycle,
                      &target.shuffles_per_cycle, &target.oracle})
        visit(*f);
    for (MmaShape& s : target.shapes) visit(s.number);
}

}  // namespace

Target noting(Target target, Region& asked) {
    asked.assign(3 * target.levels.size() + 7 + target.shapes.size(), {});
    size_t next = 0;
    for (TargetLevel& l : target.levels) l.capacity = l.capacity.noting(&asked[next++]);
    each_figure(target, [&](Figure& f) { f = f.noting(&asked[next++]); });
    return target;
}

std::vector<double> numbers_of(const Target& target) {
    std::vector<double> numbers;
    for (const TargetLevel& l : target.levels)
        numbers.push_back(static_cast<double>(l.capacity.noting(nullptr).bytes()));
    Target read = target;
    each_figure(read, [&](const Figure& f) { numbers.push_back(f.unnoted()); });
    return numbers;
}

std::string levels_of_any_size(const Target& target) {
    std::string all = fmt::format("{} cores", target.cores);
    for (const TargetScope& s : target.scopes) all += fmt::format(", {} {}", s.count, s.name);
    for (const TargetLanes& l : target.lanes_of)
        all += fmt::format(", {} lanes of {}", l.lanes, tensor::name(l.dtype));
    for (const TargetLevel& l : target.levels) {
        all += fmt::format("\n{} {} {} {} {} {} {}", l.name, l.next, l.scope, l.parts, l.line_bytes,
                           l.ways, l.software_managed);
        for (const bool stated : {l.capacity.bounded(), l.read_bytes_per_cycle.unnoted() > 0,
                                  l.write_bytes_per_cycle.unnoted() > 0})
            all += stated ? '+' : '0';
        for (OperandRole role : l.roles) all += std::to_string(static_cast<int>(role));
    }
    for (const MmaShape& s : target.shapes)
        all += fmt::format("\n{} {} {} {} {}", s.unit, tensor::name(s.a), tensor::name(s.b),
                           tensor::name(s.acc), s.holds_b);
    return all;
}

double number_of(const MmaShape& s) {
    static std::mutex mutex;
    static auto* numbers = new std::map<std::string, size_t>();
    const std::string row =
        fmt::format("{} {} {} {} {}x{}x{} {} {} {} {} {:a} {:a} {:a}", s.unit, tensor::name(s.a),
                    tensor::name(s.b), tensor::name(s.acc), s.rows, s.columns, s.group, s.a_from,
                    s.b_from, s.acc_in, s.holds_b, s.per_cycle, s.latency_cycles, s.fill_cycles);
    const std::lock_guard lock(mutex);
    return static_cast<double>(numbers->emplace(row, numbers->size() + 1).first->second);
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
