#include "driver/study/probe_here.h"

#include "machine/print.h"
#include "machine/query.h"

namespace smeaton::driver {

namespace {

TimeRange range(machine::Interval i) {
    return {i.low, i.value, i.high};
}

}  // namespace

std::vector<ProbedLevel> probed_levels(const machine::Machine& m) {
    std::vector<ProbedLevel> rows;
    int64_t cores = machine::core_count(m);
    for (const machine::Level& level : m.levels) {
        if (!level.read) continue;
        ProbedLevel row;
        row.name = level.name;
        row.bytes = static_cast<int64_t>(level.capacity_bytes.value);
        row.read_gb_s = range(machine::total_gb_s(*level.read, 1));
        row.all_read_gb_s = range(machine::total_gb_s(*level.read, cores));
        row.per_core = !m.scopes.empty() && level.private_to == m.scopes.back().name;
        if (level.latency_ns) row.latency_ns = level.latency_ns->value;
        rows.push_back(row);
    }
    return rows;
}

ProbeResult probe_here(const HereOptions& options) {
    HereOptions again = options;
    again.measure_again = true;
    machine::Machine m = machine_here(again);
    ProbeResult result;
    result.machine = m.name;
    result.clock_ghz = m.clock_ghz.value;
    result.kept_in = machine_file_here(options.cache_folder);
    result.yaml = machine::print(m);
    int64_t cores = machine::core_count(m);
    result.cores = static_cast<int>(cores);
    const std::pair<const char*, tensor::DType> dtypes[] = {{"fp32", tensor::DType::kF32},
                                                            {"bf16", tensor::DType::kBF16},
                                                            {"int8", tensor::DType::kI8}};
    for (auto [word, dtype] : dtypes) {
        auto peak = machine::peak_gflops(m, dtype);
        if (!peak) continue;
        result.peak_gflops[word] = range(*peak);
        const machine::Unit* unit = machine::best_unit(m, machine::OpClass::Fma, dtype);
        double share = unit ? machine::all_busy_share(m, *unit).value : 1;
        result.all_gflops[word] = peak->value * share * static_cast<double>(cores);
    }
    result.levels = probed_levels(m);
    if (m.handoff) result.handoff_ns = m.handoff->spin_ns.value;
    return result;
}

}  // namespace smeaton::driver
