// What a probe measures: every figure as a Measurement, with handles to find them afterwards.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "machine/probe/amx.h"
#include "machine/probe/compute.h"
#include "machine/probe/cpu.h"
#include "machine/probe/crew.h"
#include "machine/probe/memory.h"
#include "machine/probe/sample.h"
#include "machine/probe/stream_tile.h"

namespace smeaton::machine {

/// One memory level as it is measured.
struct LevelPlan {
    std::string name;
    int cache = -1;                ///< index into CpuFeatures::caches, -1: memory
    int64_t set_bytes = 0;         ///< swept by each core, alone as together; memory: by one alone
    int64_t shared_set_bytes = 0;  ///< memory: by each when all do
    int64_t block_bytes = 0;       ///< read or written in one block, per core
};

/// The levels of this CPU for `cores` cores. A working set is half of what a core has of a level of
/// its own, a quarter of its share of a shared or third one (other guests of the host use it too),
/// and beyond what it has of the level before; memory's is four times the last cache where there is
/// room.
std::vector<LevelPlan> plan_levels(const CpuFeatures&, int cores);

/// Indices into Bench::measurements; -1: not measured.
struct LevelFigures {
    int read_one = -1, read_all = -1, write_one = -1, write_all = -1, copy_one = -1, copy_all = -1;
    int latency = -1, stall = -1, split = -1;
};

/// Owns threads and memory; blocks refer to it, so it stays where it is.
struct Bench {
    Bench(CpuFeatures, int cores);
    Bench(const Bench&) = delete;
    Bench& operator=(const Bench&) = delete;

    CpuFeatures cpu;
    int cores;
    Crew crew;
    std::vector<ComputeLoop> loops;
    std::vector<LevelPlan> levels;
    std::vector<Measurement> measurements;

    int clock = -1;  ///< GHz of integer code
    struct Width {
        int bits = 0;
        int clock = -1;        ///< GHz right after f32 fma of this width: wide vectors may slow it
        int fma_latency = -1;  ///< cycles
    };
    std::vector<Width> widths;
    std::vector<int> rates;   ///< G elements/s, one per loop
    std::vector<int> chains;  ///< cycles until the next, one per loop; -1: not measured
    struct Tiles {
        TileLoop loop;
        int rate = -1;     ///< G multiply-adds/s
        int latency = -1;  ///< cycles
    };
    std::vector<Tiles> tiles;             ///< of the tile unit
    int tile_load = -1, tile_store = -1;  ///< GB/s between its registers and the first cache
    int all_fma_load = -1;                ///< G elements/s of all cores at the widest width
    std::vector<LevelFigures> figures;    ///< GB/s and ns, one per level
    int spin = -1, wake = -1;             ///< ns
    int in_flight = -1;                   ///< instructions; 0: not to be told

    /// How long what lies idle in a level stays there, ms; nothing where it does, or where that is
    /// not asked: of the first cache, which is a part of the next, and of memory.
    std::optional<Interval> kept_ms(size_t level, int repeats);

private:
    void add_compute();
    void add_width(const ComputeLoop& fma);
    void add_tiles();
    int add_latency(void (*chain)(int64_t));
    void add_level(size_t level);
    int add_stall(size_t level);
    int add_split();
    void add_in_flight();
    void add_handoff();
    double ghz_after(const ComputeLoop&, int64_t iterations, double* loop_ns);
    int add(std::string what, std::function<double()> block);
    void prepare_memory();

    ComputeLoop ticks_;
    int64_t ticks_n_ = 0;
    SweepLoops sweeps_;
    StreamTile tile_ = nullptr;
    std::optional<Region> pages_;     ///< in huge pages, as packed weights lie
    std::vector<Region> regions_;     ///< one per worker
    std::vector<int64_t> memory_at_;  ///< where each worker's next sweep of memory starts
    std::vector<Region> chains_;      ///< one per level
    std::vector<void*> chain_at_;
    void* beside_ = nullptr;  ///< elsewhere in the last of the chains
};

/// Iterations of a loop that take about a block's time (1.5 ms) on a warm core.
int64_t iterations_for_block(Crew&, void (*run)(int64_t));

}  // namespace smeaton::machine
