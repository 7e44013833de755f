#include "gir/common_cpu.h"

#include <algorithm>

#include "base/error.h"

namespace smeaton::gir {

namespace {

constexpr double kMultiplyAddsPerCycle = 2, kLatencyCycles = 4, kLoadsPerCycle = 2;
constexpr double kGathersPerCycle = 1, kInsertsPerCycle = 1, kShufflesPerCycle = 1;
constexpr int kNarrowest = 16;  // bytes of vectors that no instruction gathers

// acc[1, lanes] += a[1, 1] * b[1, lanes]; integers multiply, then add.
MmaShape multiply_add(const Target& target, DType dtype) {
    MmaShape shape;
    shape.unit = "vector";
    shape.a = shape.b = shape.acc = dtype;
    shape.columns = target.lanes(dtype);
    shape.acc_in = target.registers().name;
    shape.per_cycle = tensor::is_float(dtype) ? kMultiplyAddsPerCycle : kMultiplyAddsPerCycle / 2;
    shape.latency_cycles = kLatencyCycles;
    return shape;
}

void connect(std::vector<TargetLevel>& levels, double vector_bytes) {
    for (size_t i = 0; i + 1 < levels.size(); ++i) levels[i].next = levels[i + 1].name;
    const double reads[] = {kLoadsPerCycle * vector_bytes, 40, 10};
    const double writes[] = {vector_bytes, 20, 5};
    constexpr double kMemoryReads = 4, kMemoryWrites = 2;
    for (size_t i = 1; i < levels.size(); ++i) {
        bool memory = i + 1 == levels.size();
        size_t cache = std::min<size_t>(i - 1, 2);
        levels[i].read_bytes_per_cycle = memory ? kMemoryReads : reads[cache];
        levels[i].write_bytes_per_cycle = memory ? kMemoryWrites : writes[cache];
    }
}

}  // namespace

Target common_cpu(int vector_bytes, int vector_registers, int cores,
                  std::vector<TargetLevel> caches, int64_t memory_bytes) {
    SMEATON_CHECK(!caches.empty(), "a CPU without caches");
    Target t;
    t.scopes = {{"core", cores}};
    t.cores = cores;
    t.vector_bytes = vector_bytes;
    t.vector_registers = vector_registers;
    t.loads_per_cycle = kLoadsPerCycle;
    t.gathers_per_cycle = vector_bytes > kNarrowest ? kGathersPerCycle : 0;
    t.inserts_per_cycle = kInsertsPerCycle;
    t.shuffles_per_cycle = kShufflesPerCycle;
    TargetLevel registers{"reg"};
    registers.scope = "core";
    registers.capacity = int64_t{vector_bytes} * vector_registers;
    registers.software_managed = true;
    TargetLevel memory{"dram"};
    memory.capacity = memory_bytes;
    memory.line_bytes = caches.back().line_bytes;
    t.levels = {registers};
    t.levels.insert(t.levels.end(), caches.begin(), caches.end());
    t.levels.push_back(memory);
    connect(t.levels, vector_bytes);
    for (DType dtype : {DType::kF32, DType::kF64, DType::kI32, DType::kI64})
        t.shapes.push_back(multiply_add(t, dtype));
    return t;
}

Target common_cpu(int vector_bytes, int vector_registers, int cores) {
    auto cache = [](const char* name, int64_t bytes, int64_t ways, const char* scope) {
        TargetLevel level{name};
        level.scope = scope;
        level.capacity = bytes;
        level.ways = ways;
        return level;
    };
    return common_cpu(vector_bytes, vector_registers, cores,
                      {cache("l1", 32 << 10, 8, "core"), cache("l2", 1 << 20, 8, "core"),
                       cache("l3", 32 << 20, 16, "")},
                      0);
}

}  // namespace smeaton::gir
