#include "cost/target.h"

#include "base/error.h"
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

}  // namespace

gir::Target target_of(const machine::Machine& m) {
    const machine::Unit* unit = machine::main_vector_unit(m);
    if (!unit)
        throw UserError("machine {} has no vector unit; add one to its 'units' (docs/machine.md)",
                        m.name);
    gir::Target target;
    std::string core = m.scopes.empty() ? "" : m.scopes.back().name;
    for (const machine::Level& level : m.levels) {
        gir::TargetLevel l;
        l.name = level.name;
        l.capacity_bytes = static_cast<int64_t>(level.capacity_bytes.value);
        if (level.line_bytes) l.line_bytes = static_cast<int64_t>(level.line_bytes->value);
        l.software_managed = level.managed == machine::Managed::Software;
        l.per_core = level.private_to == core;
        for (machine::OperandRole role : level.roles) l.roles.push_back(role_of(role));
        target.levels.push_back(l);
    }
    target.vector_bytes = static_cast<int>(unit->vector_bits->value) / 8;
    target.vector_registers = static_cast<int>(unit->registers->value);
    target.fma_latency_times_rate = machine::fma_latency_times_rate(m, *unit);
    target.cores = static_cast<int>(machine::core_count(m));
    for (const machine::Unit& u : m.units) {
        if (u.kind != machine::UnitKind::Systolic) continue;
        target.array_rows = static_cast<int>(u.rows->value);
        target.array_columns = static_cast<int>(u.columns->value);
    }
    return target;
}

gir::Target target_of(const machine::CpuFeatures& cpu, const std::string& isa) {
    VectorShape shape = shape_for(cpu, isa);
    gir::Target target;
    target.vector_bytes = shape.bytes;
    target.vector_registers = shape.registers;
    target.cores = cpu.cores;
    target.levels.push_back({"reg", int64_t{shape.bytes} * shape.registers, 64, true, true});
    for (const machine::CacheFacts& cache : cpu.caches)
        target.levels.push_back({"l" + std::to_string(cache.level), cache.bytes, cache.line_bytes,
                                 false, cache.instances == cpu.cores});
    target.levels.push_back({"dram", cpu.memory_bytes, cpu.caches.back().line_bytes, false, false});
    return target;
}

gir::Levels levels_of(const machine::Machine& m) {
    gir::Levels levels;
    levels.list.push_back({"memory", -1, false});
    for (auto level = m.levels.rbegin(); level != m.levels.rend(); ++level) {
        gir::Levels::Level l;
        l.name = level->name;
        l.per_unit = !level->private_to.empty();
        l.parent = level->next.empty() ? 0 : levels.index(level->next);
        levels.list.push_back(l);
    }
    levels.list.push_back({"local", static_cast<int>(levels.list.size()) - 1, false});
    for (const machine::Scope& scope : m.scopes)
        levels.units[scope.name] = machine::unit_count(m, scope.name);
    return levels;
}

}  // namespace smeaton::cost
