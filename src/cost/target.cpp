#include "cost/target.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "base/error.h"
#include "cost/shapes.h"
#include "gir/common_cpu.h"
#include "machine/query.h"

namespace smeaton::cost {
namespace {

struct VectorShape {
    int bytes, registers;
};

VectorShape shape_for(const machine::CpuFeatures& cpu, const std::string& isa) {
    bool avx2 = cpu.has("avx2") && cpu.has("fma"), avx512 = avx2 && cpu.has("avx512f");
    if (isa.empty())
        return avx512 ? VectorShape{64, 32} : avx2 ? VectorShape{32, 16} : VectorShape{16, 16};
    if (isa != "avx512" && isa != "avx2" && isa != "plain")
        throw UserError("unknown instruction set '{}'; expected avx512, avx2 or plain", isa);
    if ((isa == "avx512" && !avx512) || (isa == "avx2" && !avx2))
        throw UserError("this CPU ({}) has no {}; leave the choice out or take a lesser one",
                        cpu.model, isa);
    return isa == "avx512" ? VectorShape{64, 32}
           : isa == "avx2" ? VectorShape{32, 16}
                           : VectorShape{16, 16};
}

gir::OperandRole role_of(machine::OperandRole role) {
    switch (role) {
        case machine::OperandRole::A:
            return gir::OperandRole::A;
        case machine::OperandRole::B:
            return gir::OperandRole::B;
        case machine::OperandRole::Acc:
            return gir::OperandRole::Acc;
        case machine::OperandRole::Vector:
            return gir::OperandRole::Vector;
    }
    SMEATON_CHECK(false, "a role without a row");
    return gir::OperandRole::Vector;
}

/// Bytes in a cycle, towards one core alone; 0 where the level keeps pace.
double per_cycle(const std::optional<machine::Bandwidth>& bandwidth, double clock_ghz) {
    return bandwidth ? bandwidth->one_gb_s.value / clock_ghz : 0;
}

gir::TargetLevel level_of(const machine::Level& level, double clock_ghz) {
    gir::TargetLevel l{level.name};
    l.next = level.next;
    l.scope = level.private_to;
    // Of a room in parts, a tile may fill one.
    l.parts = level.depth ? static_cast<int>(level.depth->value) : 1;
    l.capacity = static_cast<int64_t>(level.capacity_bytes.value / l.parts);
    if (level.line_bytes) l.line_bytes = static_cast<int64_t>(level.line_bytes->value);
    if (level.ways) l.ways = static_cast<int64_t>(level.ways->value);
    l.software_managed = level.managed == machine::Managed::Software;
    for (machine::OperandRole role : level.roles) l.roles.push_back(role_of(role));
    l.read_bytes_per_cycle = per_cycle(level.read, clock_ghz);
    l.write_bytes_per_cycle = per_cycle(level.write, clock_ghz);
    // What holds operands of products alone is filled through its port.
    const bool sums = std::any_of(level.roles.begin(), level.roles.end(), [](auto role) {
        return role == machine::OperandRole::Acc || role == machine::OperandRole::Vector;
    });
    if (level.port_gb_s && !level.roles.empty() && !sums)
        l.write_bytes_per_cycle =
            std::min(l.write_bytes_per_cycle.unnoted(), level.port_gb_s->value / clock_ghz);
    return l;
}

/// Bytes of the first level in a cycle are loads of whole vectors; one where it keeps pace.
double loads_per_cycle(const gir::Target& target) {
    double bytes = target.first_level(gir::OperandRole::Vector).read_bytes_per_cycle;
    return bytes > 0 ? std::max(1.0, in_silicon(bytes / target.vector_bytes)) : 1;
}

/// Of f32; 0 where the unit is not rated for the class.
double elements_per_cycle(const machine::Machine& m, const machine::Unit& unit,
                          machine::OpClass op) {
    const auto gops = machine::rate_gops(m, unit, op, tensor::DType::kF32);
    return gops ? in_silicon(gops->value / clock_of(m, unit).value) : 0;
}

}  // namespace

gir::Target target_of(const machine::Machine& m) {
    const machine::Unit* unit = machine::main_vector_unit(m);
    if (!unit)
        throw UserError("machine {} has no vector unit; add one to its 'units' (docs/machine.md)",
                        m.name);
    gir::Target target;
    for (const machine::Scope& s : m.scopes) target.scopes.push_back({s.name, s.count});
    target.cores = static_cast<int>(machine::core_count(m));
    double clock_ghz = clock_of(m, *unit).value;
    for (const machine::Level& level : m.levels)
        target.levels.push_back(level_of(level, clock_ghz));
    target.vector_bytes = std::floor(unit->vector_bits->value / 8);
    target.vector_registers = std::floor(unit->registers->value);
    for (const machine::Lanes& l : unit->lanes) target.lanes_of.push_back({l.dtype, l.count});
    target.loads_per_cycle = loads_per_cycle(target);
    target.gathers_per_cycle = elements_per_cycle(m, *unit, machine::OpClass::Gather);
    target.inserts_per_cycle = elements_per_cycle(m, *unit, machine::OpClass::Insert);
    const double shuffled = elements_per_cycle(m, *unit, machine::OpClass::Shuffle);
    const auto lanes = static_cast<double>(target.lanes(tensor::DType::kF32));
    if (shuffled > 0) target.shuffles_per_cycle = in_silicon(shuffled / lanes);
    for (const ShapeRow& row : shapes_of(m, *unit)) {
        target.shapes.push_back(row.shape);
        target.shapes.back().number = gir::number_of(row.shape);
    }
    return target;
}

gir::Target target_of(const machine::CpuFeatures& cpu, const std::string& isa) {
    VectorShape shape = shape_for(cpu, isa);
    std::vector<gir::TargetLevel> caches;
    for (const machine::CacheFacts& cache : cpu.caches) {
        gir::TargetLevel l{"l" + std::to_string(cache.level)};
        if (cache.instances == cpu.cores) l.scope = "core";
        l.capacity = cache.bytes;
        l.line_bytes = cache.line_bytes;
        if (cache.ways > 0) l.ways = cache.ways;
        caches.push_back(l);
    }
    return gir::common_cpu(shape.bytes, shape.registers, cpu.cores, std::move(caches),
                           cpu.memory_bytes);
}

gir::Levels levels_of(const machine::Machine& m) {
    gir::Levels levels;
    levels.list.push_back({"memory", -1, {}});
    for (auto level = m.levels.rbegin(); level != m.levels.rend(); ++level) {
        gir::Levels::Level l;
        l.name = level->name;
        l.scope = level->private_to;
        l.parent = level->next.empty() ? 0 : levels.index(level->next);
        levels.list.push_back(l);
    }
    levels.list.push_back({"local", static_cast<int>(levels.list.size()) - 1, {}});
    for (const machine::Scope& scope : m.scopes)
        levels.units[scope.name] = machine::unit_count(m, scope.name);
    return levels;
}

}  // namespace smeaton::cost
