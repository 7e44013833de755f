#include "machine/probe/bench.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "machine/probe/handoff.h"
#include "machine/probe/in_flight.h"
#include "machine/probe/kept.h"

namespace smeaton::machine {
namespace {

constexpr double kBlockNs = 1.5e6;
constexpr int64_t kMiB = 1 << 20;
// So much of a large cache neighbours leave for a moment at least.
constexpr int64_t kMostIdleBytes = 8 * kMiB;
// Sets of a shared cache, by what a core has of the level before: most of it is not there.
constexpr int64_t kBefore = 4;

int64_t multiple(int64_t bytes, int64_t of) {
    return std::max<int64_t>(bytes / of, 1) * of;
}

double per_ns(double amount, int64_t ns) {
    return amount / static_cast<double>(std::max<int64_t>(ns, 1));
}

/// `sweep(from, bytes)` over `total` bytes in sets of `set` bytes, after one sweep untimed.
template <class Sweep>
int64_t timed_sweeps(int64_t set, int64_t total, Sweep&& sweep) {
    sweep();
    int64_t start = busy_ns();
    for (int64_t done = 0; done < total; done += set) sweep();
    return busy_ns() - start;
}

}  // namespace

int64_t iterations_for_block(Crew& crew, void (*run)(int64_t)) {
    int64_t n = 256;
    while (true) {
        int64_t ns = crew.run(1, [&](int) { run(n); }).busy_ns;
        if (ns >= 200'000 || n > int64_t{1} << 40)
            return std::max<int64_t>(1,
                                     std::llround(kBlockNs * per_ns(static_cast<double>(n), ns)));
        n *= 4;
    }
}

std::vector<LevelPlan> plan_levels(const CpuFeatures& cpu, int cores) {
    std::vector<LevelPlan> plans;
    int64_t before = 0, last = 0, last_share = 0;
    for (size_t i = 0; i < cpu.caches.size(); ++i) {
        const CacheFacts& cache = cpu.caches[i];
        int64_t share = cache.bytes / std::clamp<int64_t>(cache.shared_by_cores, 1, cores);
        // Of a shared cache others may hold their part: a quarter; and of a large one they push out
        // what a sweep does not come back to at once, so that a set of its size would measure
        // memory: four times the level before. Beyond that level, though.
        int64_t wanted = share / 2;
        if (cache.shared_by_cores > 1 || cache.level > 2)
            wanted = before > 0 ? std::min(share / 4, kBefore * before) : share / 4;
        int64_t set = multiple(std::max(wanted, std::min(before * 3 / 2, share * 3 / 4)), 4096);
        plans.push_back({"l" + std::to_string(cache.level), static_cast<int>(i), set, set,
                         multiple(48 * kMiB, set)});
        before = share;
        last = cache.bytes;
        last_share = share;
    }
    LevelPlan memory{"dram", -1, std::max(128 * kMiB, 4 * last),
                     std::max(64 * kMiB, 4 * last_share), 16 * kMiB};
    // The sets of all workers, and the chain of pointers.
    double room = static_cast<double>(cpu.memory_bytes) / 3;
    double wanted = static_cast<double>(2 * memory.set_bytes) +
                    static_cast<double>(memory.shared_set_bytes) * (cores - 1);
    if (wanted > room) {
        auto shrink = [&](int64_t bytes) {
            return static_cast<int64_t>(static_cast<double>(bytes) * room / wanted);
        };
        memory.set_bytes = shrink(memory.set_bytes);
        memory.shared_set_bytes = shrink(memory.shared_set_bytes);
    }
    memory.set_bytes = multiple(memory.set_bytes, kMiB);
    memory.shared_set_bytes = multiple(memory.shared_set_bytes, kMiB);
    memory.block_bytes =
        std::min({memory.block_bytes, memory.set_bytes / 2, memory.shared_set_bytes / 2});
    plans.push_back(memory);
    return plans;
}

Bench::Bench(CpuFeatures features, int count)
    : cpu(std::move(features)),
      cores(count),
      crew({cpu.core_cpus.begin(), cpu.core_cpus.begin() + count}),
      loops(compute_loops(cpu)),
      levels(plan_levels(cpu, count)),
      sweeps_(sweep_loops(cpu)),
      tile_(stream_tile(cpu)) {
    add_compute();
    add_tiles();
    prepare_memory();
    for (size_t i = 0; i < levels.size(); ++i) add_level(i);
    add_in_flight();
    if (cores > 1) add_handoff();
}

int Bench::add(std::string what, std::function<double()> block) {
    measurements.push_back({std::move(what), std::move(block), {}});
    return static_cast<int>(measurements.size()) - 1;
}

/// Clock within a fraction of a millisecond after the loop, while the core still has its pace.
double Bench::ghz_after(const ComputeLoop& loop, int64_t iterations, double* loop_ns) {
    int64_t start = 0, between = 0, end = 0;
    int64_t ticks_n = std::max<int64_t>(ticks_n_ / 8, 1);
    crew.run(1, [&](int) {
        start = busy_ns();
        loop.run(iterations);
        between = busy_ns();
        ticks_.run(ticks_n);
        end = busy_ns();
    });
    *loop_ns = static_cast<double>(between - start);
    return per_ns(ticks_.elements_per_iteration * static_cast<double>(ticks_n), end - between);
}

void Bench::add_width(const ComputeLoop& fma) {
    ComputeLoop chain = fma_chain(cpu, fma.width_bits);
    int64_t fma_n = iterations_for_block(crew, fma.run);
    Width width;
    width.bits = fma.width_bits;
    width.clock = add("clock under vectors", [this, fma, fma_n] {
        double ns = 0;
        return ghz_after(fma, fma_n, &ns);
    });
    width.fma_latency = add_latency(chain.run);
    widths.push_back(width);
}

/// Cycles of one of the dependent instructions, kChainLength in an iteration.
int Bench::add_latency(void (*run)(int64_t)) {
    ComputeLoop chain;
    chain.run = run;
    int64_t n = iterations_for_block(crew, run);
    return add("latency", [this, chain, n] {
        double ns = 0;
        double ghz = ghz_after(chain, n, &ns);
        return ghz * ns / (kChainLength * static_cast<double>(n));
    });
}

void Bench::add_tiles() {
    auto per_iteration = [this](void (*run)(int64_t), double amount) {
        int64_t n = iterations_for_block(crew, run);
        return [this, run, n, amount] {
            int64_t ns = crew.run(1, [&](int) { run(n); }).busy_ns;
            return per_ns(amount * static_cast<double>(n), ns);
        };
    };
    for (const TileLoop& loop : tile_loops(cpu))
        tiles.push_back({loop,
                         add("tiles", per_iteration(loop.run, loop.multiply_adds_per_iteration)),
                         add_latency(loop.chain)});
    if (tiles.empty()) return;
    constexpr double kAll = 1.0 * kTileBytes * kTileRegisters;
    tile_load = add("tile load", per_iteration(load_tiles, kAll));
    tile_store = add("tile store", per_iteration(store_tiles, kAll));
}

void Bench::add_compute() {
    ticks_ = clock_chain();
    ticks_n_ = iterations_for_block(crew, ticks_.run);
    clock = add("clock", [this] {
        int64_t ns = crew.run(1, [&](int) { ticks_.run(ticks_n_); }).busy_ns;
        return per_ns(ticks_.elements_per_iteration * static_cast<double>(ticks_n_), ns);
    });
    for (const ComputeLoop& loop : loops)
        if (loop.width_bits > 0 && loop.op == OpClass::Fma && loop.dtype == tensor::DType::kF32)
            add_width(loop);
    for (const ComputeLoop& loop : loops) {
        int64_t n = iterations_for_block(crew, loop.run);
        auto rate = [this, loop, n](int workers) {
            int64_t ns = crew.run(workers, [&](int) { loop.run(n); }).busy_ns;
            return per_ns(loop.elements_per_iteration * static_cast<double>(n) * workers, ns);
        };
        rates.push_back(add("rate", [rate] { return rate(1); }));
        chains.push_back(loop.chain ? add_latency(loop.chain) : -1);
        if (cores > 1 && loop.op == OpClass::FmaLoad && loop.width_bits == loops.back().width_bits)
            all_fma_load = add("rate of all", [this, rate] { return rate(cores); });
    }
}

void Bench::prepare_memory() {
    regions_.reserve(cores);
    for (int worker = 0; worker < cores; ++worker)
        // Touched by its own worker: the memory lies where that worker runs.
        regions_.emplace_back(worker == 0 ? levels.back().set_bytes
                                          : levels.back().shared_set_bytes);
    memory_at_.assign(cores, 0);
    if (tile_) {
        pages_.emplace(levels.size() > 1 ? levels[levels.size() - 2].set_bytes : 8 * kMiB);
        crew.run(1, [this](int) { touch(*pages_); });
    }
    crew.run(cores, [this](int worker) { touch(regions_[worker]); });
    for (const LevelPlan& level : levels) {
        Region& chain = chains_.emplace_back(level.set_bytes);
        crew.run(1, [&](int) { touch(chain); });
        int64_t line = cpu.caches.back().line_bytes;
        chain_at_.push_back(make_chain(chain.data(), level.set_bytes, line));
    }
}

void Bench::add_level(size_t index) {
    LevelPlan plan = levels[index];
    bool memory = plan.cache < 0;
    enum Kind { Read, Write, Copy };
    auto sweep = [this, memory, plan](Kind kind, int worker) {
        char* at = regions_[worker].data();
        int64_t bytes = plan.set_bytes;
        if (memory) {  // the next part of a region too large to stay in any cache
            bytes = plan.block_bytes;
            if (memory_at_[worker] + bytes > regions_[worker].bytes()) memory_at_[worker] = 0;
            at += memory_at_[worker];
            memory_at_[worker] += bytes;
        }
        if (kind == Read)
            sweeps_.read(at, bytes);
        else if (kind == Write)
            sweeps_.write(at, bytes);
        else
            sweeps_.copy(at, at + bytes / 2, bytes / 2);
    };
    auto block = [this, memory, plan, sweep](Kind kind, int workers) {
        std::vector<int64_t> ns(workers);
        crew.run(workers, [&](int worker) {
            int64_t start = busy_ns();
            if (memory) sweep(kind, worker);
            ns[worker] = memory ? busy_ns() - start
                                : timed_sweeps(plan.set_bytes, plan.block_bytes,
                                               [&] { sweep(kind, worker); });
        });
        return per_ns(static_cast<double>(plan.block_bytes) * workers,
                      *std::max_element(ns.begin(), ns.end()));
    };
    auto bandwidth = [&](const char* what, Kind kind, int workers) {
        return add(plan.name + " " + what, [block, kind, workers] { return block(kind, workers); });
    };
    LevelFigures f;
    f.read_one = bandwidth("read", Read, 1);
    f.write_one = bandwidth("write", Write, 1);
    f.copy_one = bandwidth("copy", Copy, 1);
    if (cores > 1) {
        f.read_all = bandwidth("read by all", Read, cores);
        f.write_all = bandwidth("write by all", Write, cores);
        f.copy_all = bandwidth("copy by all", Copy, cores);
    }
    int64_t steps = memory ? 10'000 : 20'000;
    f.latency = add(plan.name + " latency", [this, index, steps, memory, plan] {
        int64_t ns = 0;
        crew.run(1, [&](int) {
            // Once round, so that what other blocks displaced is back; memory stays cold.
            int64_t lines = plan.set_bytes / cpu.caches.back().line_bytes;
            if (!memory) chain_at_[index] = follow_chain(chain_at_[index], lines);
            int64_t start = busy_ns();
            chain_at_[index] = follow_chain(chain_at_[index], steps);
            ns = busy_ns() - start;
        });
        return static_cast<double>(ns) / static_cast<double>(steps);
    });
    if (tile_ && index > 0) f.stall = add_stall(index);
    if (index == 0 && !memory) f.split = add_split();
    figures.push_back(f);
}

/// Copies within the first level half a vector off, beside copies of whole vectors, of the same
/// moment: of so many vectors a line, one crosses its end.
int Bench::add_split() {
    const LevelPlan plan = levels.front();
    const double crossing = static_cast<double>(sweeps_.vector_bytes) /
                            static_cast<double>(cpu.caches.front().line_bytes);
    return add("split", [this, plan, crossing] {
        double aligned = 0, off = 0;
        crew.run(1, [&](int) {
            char* at = regions_[0].data();
            auto copies = [&](char* from) {
                return static_cast<double>(timed_sweeps(plan.set_bytes, plan.block_bytes / 4, [&] {
                    sweeps_.copy(from, from + plan.set_bytes / 2, plan.set_bytes / 2);
                }));
            };
            aligned = copies(at);
            off = copies(at + sweeps_.vector_bytes / 2);
        });
        return 1 + (off / aligned - 1) / crossing;
    });
}

/// ns in each page of a panel that lies in this level: beside the tile's time stand, of the same
/// moment, that of reading alone and of the tile on what the first level holds.
int Bench::add_stall(size_t index) {
    const LevelPlan plan = levels[index];
    const bool memory = plan.cache < 0;
    constexpr int kPasses = 3;  // of each the shortest
    const int64_t bytes = memory ? pages_->bytes() / 8 : std::min(plan.set_bytes, pages_->bytes());
    return add(plan.name + " stall", [this, memory, bytes] {
        double tile = 0, sweep = 0, work = 0;
        crew.run(1, [&](int) {
            const char* at = pages_->data();
            auto timed = [&](auto&& pass) {
                double least = std::numeric_limits<double>::infinity();
                for (int i = 0; i < kPasses; ++i) {
                    if (memory)
                        flush(at, bytes, cpu.caches.back().line_bytes);
                    else
                        sweeps_.read(at, bytes);
                    const int64_t start = busy_ns();
                    pass();
                    least = std::min(least, static_cast<double>(busy_ns() - start));
                }
                return least;
            };
            sweep = timed([&] { sweeps_.read(at, bytes); });
            tile = timed([&] { tile_(at, bytes); });
            const int64_t part = levels.front().set_bytes;
            const int64_t parts = std::max<int64_t>(bytes / part, 1);
            tile_(at, part);
            const int64_t start = busy_ns();
            for (int64_t i = 0; i < parts; ++i) tile_(at, part);
            work = static_cast<double>(busy_ns() - start) * static_cast<double>(bytes) /
                   static_cast<double>(part * parts);
        });
        return stall_per_page(tile, sweep, work, bytes);
    });
}

std::optional<Interval> Bench::kept_ms(size_t index, int repeats) {
    const LevelPlan& plan = levels[index];
    if (plan.cache < 1) return std::nullopt;
    const int64_t bytes = std::min(plan.set_bytes, kMostIdleBytes);
    std::vector<IdleSweep> sweeps;
    crew.run(1, [&](int) {
        sweeps = idle_sweeps([&] { sweeps_.read(regions_[0].data(), bytes); }, repeats);
    });
    return half_gone_ms(sweeps);
}

void Bench::add_in_flight() {
    constexpr int64_t kSteps = 200;
    if (!TwoChains(0).runs()) return;
    const Region& memory = chains_.back();
    beside_ = memory.data() + memory.bytes() / 2;
    in_flight = add("instructions in flight", [this] {
        std::optional<int> found;
        crew.run(1, [&](int) {
            found = instructions_in_flight([&](int between) {
                const TwoChains chains(between);
                const int64_t start = busy_ns();
                chains.follow(chain_at_.back(), beside_, kSteps);
                return static_cast<double>(busy_ns() - start);
            });
        });
        return found.value_or(0);
    });
}

void Bench::add_handoff() {
    spin = add("hand-off spinning", [this] { return spin_handoff_ns(crew, 2000); });
    wake = add("hand-off asleep", [this] { return wake_handoff_ns(crew, 100); });
}

}  // namespace smeaton::machine
