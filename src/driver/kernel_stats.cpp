#include "driver/kernel_stats.h"

#include <algorithm>
#include <variant>

#include "gir/ledger/ledger.h"

namespace smeaton::driver {

// A program calls all that lies outside of its tiles "memory"; on this machine that is DRAM.
static std::string level_here(Name level) {
    return level == Name("memory") ? "dram" : level.str();
}

std::vector<KernelStats> kernel_stats(const gir::Program& program, const gir::Target& target,
                                      std::vector<std::vector<int64_t>> samples) {
    const gir::Levels levels = gir::levels_of(target, program);
    std::vector<KernelStats> stats;
    size_t k = 0;
    for (const gir::Step& s : program.steps) {
        auto* run = std::get_if<gir::RunStep>(&s.node);
        if (!run || run->once) continue;
        KernelStats stat;
        stat.name = run->kernel->name.str();
        stat.ops = run->kernel->origins;
        std::vector<int64_t>& times = samples[k++];
        std::nth_element(times.begin(), times.begin() + static_cast<long>(times.size() / 2),
                         times.end());
        stat.time_us = static_cast<double>(times[times.size() / 2]) / 1000;
        const gir::Ledger ledger = gir::ledger_of_named(*run->kernel, program, levels);
        for (const gir::LevelBytes& l : gir::traffic_at(ledger).levels)
            stat.bytes[level_here(l.level)] = l.read_bytes + l.write_bytes;
        stat.flops = static_cast<int64_t>(gir::arithmetic(ledger));
        stats.push_back(std::move(stat));
    }
    return stats;
}

}  // namespace smeaton::driver
