#include "machine/probe/probe.h"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <map>
#include <utility>

#include "base/error.h"
#include "machine/probe/bench.h"
#include "machine/verify.h"

namespace smeaton::machine {
namespace {

/// Turns what a bench measured into figures of a description.
class Figures {
public:
    explicit Figures(const Bench& bench) : bench_(bench) {}

    /// Of something done in a second.
    Number operator()(int index) const {
        return Number(undisturbed(samples(index), Better::More), "probe");
    }
    /// Of all cores at once, not less than of one: one that is disturbed holds up all, so that
    /// hardly a moment is free of it, and the median counts.
    std::optional<Number> of_all(int index, const Number& one) const {
        if (index < 0) return std::nullopt;
        Interval v = spread(samples(index));
        v.value = std::max(v.value, one.value);
        v.high = std::max(v.high, v.value);
        return Number(v, "median");
    }
    Number ns(int index) const {
        return Number(undisturbed(samples(index), Better::Less), "probe");
    }
    /// By two clocks that a disturbance may hit either.
    Number cycles(int index) const { return Number(spread(samples(index)), "median"); }
    /// Of times that lie close to each other: either may be disturbed. Nothing: there is none.
    std::optional<Number> difference(int index) const {
        constexpr double kLeast = 0.01;
        Interval v = spread(samples(index));
        if (v.value < kLeast) return std::nullopt;
        v.low = std::max(v.low, kLeast);
        return Number(v, "median");
    }
    /// Of two times, or of two distances, of one moment; nothing below 1.
    std::optional<Number> ratio(int index) const {
        if (index < 0) return std::nullopt;
        Interval v = spread(samples(index));
        v.low = std::max(v.low, 1.0);
        return v.value < 1 ? std::nullopt : std::optional(Number(v, "median"));
    }
    Bandwidth bandwidth(int one, int all) const {
        const Number alone = (*this)(one);
        return {alone, of_all(all, alone)};
    }

private:
    const std::vector<double>& samples(int index) const {
        return bench_.measurements.at(index).samples;
    }
    const Bench& bench_;
};

/// Instance counts between "one for all" and "one for each core" become scopes between the machine
/// and the core. Uneven ones (an affinity that takes parts of clusters) cannot: those caches count
/// as one for all.
std::vector<Scope> scopes_of(const CpuFeatures& cpu, int cores) {
    std::vector<Scope> scopes;
    int64_t outer = 1;
    for (auto cache = cpu.caches.rbegin(); cache != cpu.caches.rend(); ++cache) {
        int64_t n = cache->instances;
        if (n <= outer || n >= cores || cores % n != 0 || n % outer != 0) continue;
        scopes.push_back(
            {scopes.empty() ? "cluster" : fmt::format("cluster{}", scopes.size() + 1), n / outer});
        outer = n;
    }
    scopes.push_back({"core", cores / outer});
    return scopes;
}

std::string scope_with(const std::vector<Scope>& scopes, int64_t instances) {
    int64_t count = 1;
    for (const Scope& scope : scopes) {
        count *= scope.count;
        if (count == instances) return instances == 1 && scope.name != "core" ? "" : scope.name;
    }
    return "";
}

Level register_level(const CpuFeatures& cpu) {
    Level level;
    level.name = "reg";
    level.next = "l" + std::to_string(cpu.caches.front().level);
    level.private_to = "core";
    level.managed = Managed::Software;
    level.capacity_bytes = Number(cpu.vector_registers * cpu.vector_bits / 8.0, "cpu");
    return level;
}

/// The registers of the tile unit, between it and the first cache.
Level tile_level(const Bench& bench) {
    Figures figure(bench);
    Level level;
    level.name = "tmm";
    level.next = "l" + std::to_string(bench.cpu.caches.front().level);
    level.private_to = "core";
    level.managed = Managed::Software;
    level.roles = {OperandRole::Acc};
    level.capacity_bytes = Number(kTileRegisters * kTileBytes, "cpu");
    level.read = figure.bandwidth(bench.tile_store, -1);
    level.write = figure.bandwidth(bench.tile_load, -1);
    return level;
}

/// By level of the bench.
using KeptMs = std::vector<std::optional<Interval>>;

std::vector<Level> levels_of(const Bench& bench, const std::vector<Scope>& scopes,
                             const KeptMs& kept) {
    Figures figure(bench);
    std::vector<Level> levels{register_level(bench.cpu)};
    if (!bench.tiles.empty()) levels.push_back(tile_level(bench));
    for (size_t i = 0; i < bench.levels.size(); ++i) {
        const LevelPlan& plan = bench.levels[i];
        const LevelFigures& f = bench.figures[i];
        Level level;
        level.name = plan.name;
        if (plan.cache >= 0) {
            const CacheFacts& cache = bench.cpu.caches[plan.cache];
            level.next = bench.levels[i + 1].name;
            level.private_to = scope_with(scopes, cache.instances);
            level.capacity_bytes = Number(static_cast<double>(cache.bytes), "cpu");
            level.line_bytes = Number(static_cast<double>(cache.line_bytes), "cpu");
            if (cache.ways > 0) level.ways = Number(static_cast<double>(cache.ways), "cpu");
        } else {
            level.capacity_bytes = Number(static_cast<double>(bench.cpu.memory_bytes), "cpu");
            level.line_bytes =
                Number(static_cast<double>(bench.cpu.caches.back().line_bytes), "cpu");
        }
        level.read = figure.bandwidth(f.read_one, f.read_all);
        level.write = figure.bandwidth(f.write_one, f.write_all);
        level.copy = figure.bandwidth(f.copy_one, f.copy_all);
        level.split = figure.ratio(f.split);
        level.latency_ns = figure.ns(f.latency);
        if (f.stall >= 0) level.stall_ns = figure.difference(f.stall);
        if (kept[i]) level.kept_ms = Number(*kept[i], "idle");
        levels.push_back(level);
    }
    return levels;
}

/// Features that code for this width uses: none wider.
std::vector<std::string> isa_up_to(const CpuFeatures& cpu, int bits) {
    std::vector<std::string> result;
    for (const std::string& name : cpu.isa) {
        bool avx512 = name.rfind("avx512", 0) == 0, amx = name.rfind("amx", 0) == 0;
        bool avx = !avx512 && (name.rfind("avx", 0) == 0 || name == "f16c" || name == "fma");
        bool fits = amx ? false : avx512 ? bits >= 512 : !avx || bits >= 256 || name == "fma";
        if (fits) result.push_back(name);
    }
    return result;
}

Unit tile_unit(const Bench& bench) {
    Figures figure(bench);
    Unit unit;
    unit.name = "tiles";
    unit.kind = UnitKind::Matrix;
    unit.private_to = "core";
    for (const std::string& name : bench.cpu.isa)
        if (name.rfind("amx", 0) == 0) unit.isa.push_back(name);
    for (const Bench::Tiles& t : bench.tiles) {
        ContractionShape shape = t.loop.shape;
        shape.gops_per_s = figure(t.rate);
        shape.latency_cycles = figure.cycles(t.latency);
        unit.shapes.push_back(shape);
    }
    return unit;
}

std::vector<Unit> units_of(const Bench& bench) {
    Figures figure(bench);
    std::map<int, Unit> by_width;
    for (size_t i = 0; i < bench.loops.size(); ++i) {
        const ComputeLoop& loop = bench.loops[i];
        Unit& unit = by_width[loop.width_bits];
        Rate rate;
        rate.op = loop.op;
        rate.dtype = loop.dtype;
        rate.gops_per_s = figure(bench.rates[i]);
        bool widest = loop.width_bits == bench.loops.back().width_bits;
        if (loop.op == OpClass::FmaLoad && widest)
            rate.all_gops_per_s = figure.of_all(bench.all_fma_load, *rate.gops_per_s);
        for (const Bench::Width& width : bench.widths) {
            if (width.bits != loop.width_bits) continue;
            unit.clock_ghz = figure(width.clock);
            if (loop.op == OpClass::Fma && loop.dtype == tensor::DType::kF32)
                rate.latency_cycles = figure.cycles(width.fma_latency);
        }
        unit.rates.push_back(rate);
        if (!loop.shape) continue;
        ContractionShape shape = *loop.shape;
        shape.gops_per_s = rate.gops_per_s;
        shape.latency_cycles = figure.cycles(bench.chains[i]);
        unit.shapes.push_back(shape);
    }
    std::vector<Unit> units;
    for (auto& [bits, unit] : by_width) {
        unit.private_to = "core";
        unit.kind = bits == 0 ? UnitKind::Scalar : UnitKind::Vector;
        if (bits == 0) unit.in_flight = figure.ratio(bench.in_flight);
        unit.name = bits == 0 ? "scalar" : "vector" + std::to_string(bits);
        if (bits > 0) {
            unit.vector_bits = Number(bits, "cpu");
            unit.registers = Number(bits == 512 ? 32 : 16, "cpu");
            unit.isa = isa_up_to(bench.cpu, bits);
        }
        units.push_back(std::move(unit));
    }
    if (!bench.tiles.empty()) units.push_back(tile_unit(bench));
    return units;
}

std::string today() {
    std::time_t now = std::time(nullptr);
    std::tm utc{};
    gmtime_r(&now, &utc);
    return fmt::format("{:04}-{:02}-{:02}", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday);
}

Machine describe(const Bench& bench, const std::string& name, int rounds, const KeptMs& kept) {
    Machine machine;
    machine.name = name;
    machine.about = {
        fmt::format("{}, {} of its cores, measured on {}.", bench.cpu.model, bench.cores, today())};
    machine.sources = {
        {"probe",
         fmt::format("smeaton probe: of {} blocks the 10 % quantile of the better end, what "
                     "nobody disturbed; around it the best and the worse end's",
                     rounds)},
        {"median", "smeaton probe: median of as many, with the 10 % and 90 % quantiles"},
        {"idle", "smeaton probe: sweeps after idle times; low and high are those around"},
        {"cpu", "CPUID, /sys/devices/system/cpu and cgroup limits of the machine"}};
    Figures figure(bench);
    machine.clock_ghz = figure(bench.clock);
    machine.scopes = scopes_of(bench.cpu, bench.cores);
    machine.levels = levels_of(bench, machine.scopes, kept);
    machine.units = units_of(bench);
    if (bench.spin >= 0) machine.handoff = Handoff{figure.ns(bench.spin), figure.ns(bench.wake)};
    return machine;
}

}  // namespace

Machine probe(const ProbeOptions& options) {
    CpuFeatures cpu = cpu_features();
    int cores = options.cores == 0 ? cpu.cores : options.cores;
    if (cores < 1 || cores > static_cast<int>(cpu.core_cpus.size()))
        throw UserError("probe of {} cores asked for; this process may use 1 to {}", cores,
                        cpu.core_cpus.size());
    auto say = [&](const std::string& line) {
        if (options.progress) options.progress(line);
    };
    say(fmt::format("probe: {}, {} cores; preparing memory", cpu.model, cores));
    Bench bench(std::move(cpu), cores);
    Rounds plan;
    plan.seconds = options.seconds;
    plan.at_least = options.at_least_rounds;
    plan.progress = [&](int round, double seconds) {
        say(fmt::format("probe: round {} of {} figures, {:.1f} of {:.0f} s", round + 1,
                        bench.measurements.size(), seconds, options.seconds));
    };
    int rounds = measure(bench.measurements, plan);
    say("probe: how long idle data stays in the caches");
    KeptMs kept;
    for (size_t i = 0; i < bench.levels.size(); ++i)
        kept.push_back(bench.kept_ms(i, options.at_least_rounds));
    Machine machine = describe(bench, options.name, rounds, kept);
    verify(machine, "probe of this machine");
    return machine;
}

Interval fma_load_gflops(int vector_bits, int threads, double seconds) {
    CpuFeatures cpu = cpu_features();
    if (threads < 1 || threads > static_cast<int>(cpu.core_cpus.size()))
        throw UserError("{} threads asked for; this process may use 1 to {} cores", threads,
                        cpu.core_cpus.size());
    ComputeLoop widest;
    for (const ComputeLoop& loop : compute_loops(cpu))
        if (loop.op == OpClass::FmaLoad && loop.width_bits <= vector_bits) widest = loop;
    SMEATON_CHECK(widest.run, "no vectors of at most {} bits", vector_bits);
    Crew crew({cpu.core_cpus.begin(), cpu.core_cpus.begin() + threads});
    int64_t n = iterations_for_block(crew, widest.run);
    std::vector<Measurement> one{{"fma_load",
                                  [&] {
                                      int64_t ns =
                                          crew.run(threads, [&](int) { widest.run(n); }).busy_ns;
                                      return 2 * widest.elements_per_iteration *
                                             static_cast<double>(n) * threads /
                                             static_cast<double>(ns);
                                  },
                                  {}}};
    measure(one, Rounds{5, 1 << 20, seconds, nullptr});
    return spread(one[0].samples);
}

}  // namespace smeaton::machine
