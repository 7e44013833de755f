// The time of one kernel on a described machine, in closed form (docs/cost.md).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cost/contraction.h"
#include "cost/energy.h"
#include "cost/fed.h"
#include "cost/pipeline.h"
#include "cost/reuse.h"
#include "cost/stall.h"
#include "cost/work.h"
#include "gir/cache/holders.h"
#include "gir/ledger/traffic.h"
#include "gir/program.h"
#include "gir/room.h"
#include "machine/machine.h"

namespace smeaton::cost {

struct CostOptions {
    int threads = 0;  ///< 0: all cores
    int vector_bits =
        0;  ///< 0: the main vector unit; else the unit of this width (UserError: none)
    /// On a machine of scratchpads the vector unit works while its operands come and go, and beside
    /// an array; false: one of these at a time. What feeds an array still comes while that works.
    bool overlap = true;
    /// Gets, by level of the machine, what was asked of its capacity; null: not noted.
    gir::Region* asked = nullptr;
    /// Only how long a kernel takes is wanted: operations, operands and energy may be left out.
    bool time_alone = false;
};

/// Bytes between one level and what lies inwards of it, all cores together.
struct LevelCost {
    std::string name;
    double read_bytes = 0, write_bytes = 0;
    double port_bytes = 0;      ///< between it and the next outwards, where the port is described
    machine::Interval time_us;  ///< of all these bytes; of the port's where that is longer
};

/// Bytes at the outermost level by what they are to a layer.
struct OperandBytes {
    double filter = 0, ifmap = 0, psum = 0, ofmap = 0, bias = 0;
    double total() const { return filter + ifmap + psum + ofmap + bias; }
};
inline OperandBytes operator*(OperandBytes b, double k) {
    return {b.filter * k, b.ifmap * k, b.psum * k, b.ofmap * k, b.bias * k};
}

struct KernelCost {
    std::string name;
    std::vector<std::string> ops;  ///< model nodes
    bool once = false;             ///< runs at load, not with the model
    int threads = 1;               ///< that have work
    double flops = 0;
    double macs = 0;            ///< multiply-adds of contractions, as gir::Ledger counts
    machine::Interval time_us;  ///< max(compute, data) + stall + fixed, but for copies that the
                                ///< work waits for; low: all levels overlap, high: nothing does
    std::string bound;          ///< "compute", or the level that serves the longest
    machine::Interval compute_us;
    machine::Interval array_us;  ///< of these, the busiest unit beside the vector unit; may be 0
    machine::Interval vector_us;
    machine::Interval data_us;            ///< each byte at the rate of the level that it comes from
    std::vector<LevelCost> levels;        ///< innermost first, without registers
    std::optional<Pipeline> pipeline;     ///< where no level is a cache: of this the time is
    machine::Interval stall_us{0, 0, 0};  ///< of operands that come in order, beyond both
    machine::Interval fixed_us;  ///< hand-off to threads and first access; overlaps with nothing
    KernelEnergy energy;         ///< filled in by energy_of
    OperandBytes operands;       ///< filled in by sim
};

/// What one cache fetches in all: each time, and the part that a warm cache may already hold.
struct CacheTraffic {
    std::string cache;
    double instances = 1;             ///< in use
    std::vector<ArrayBytes> fetched;  ///< by array of the model's nest
    std::vector<ArrayBytes> first;    ///< of these, the first fetch of each byte
};

/// Of hardware-managed levels, innermost first.
using CacheTraffics = std::vector<std::shared_ptr<const CacheTraffic>>;

/// A kernel analysed for a machine and a number of threads.
struct KernelModel {
    std::string name;
    std::vector<std::string> ops;
    int threads = 1;
    int phases = 1;  ///< ranges that several threads share, one after another
    std::vector<Array> arrays;
    std::vector<double> touched_bytes;        ///< of each array, once
    std::vector<Streamed> streamed;           ///< each array
    Work busiest;                             ///< of the thread that has most to do, but for
    std::vector<ShapeUse> contractions;       ///< what goes to units with shapes of their own
    std::vector<Unfed> unfed;                 ///< what an array would read in memory
    double flops = 0, macs = 0;               ///< of all threads
    std::map<Name, gir::LevelBytes> buffers;  ///< what the ledger says is asked of each
    /// Of all threads, on a machine that tells of energy.
    Work total;
    std::vector<ShapeUse> total_contractions;
    std::map<std::string, double> port_bytes;  ///< of all threads, by level
    CacheTraffics caches;  ///< of these alone capacities are asked, but for the pipeline
    std::optional<Pipeline> pipeline;  ///< of the busiest thread, where no level is a cache
    /// By array, where several threads run and caches are their own; else empty.
    std::vector<gir::cache::Meeting> meetings;
};

/// Time of all arithmetic of one core, or of issuing every instruction where that takes longer; and
/// of what works beside the vector unit.
struct ComputeTime {
    machine::Interval vector_us, array_us;
};
ComputeTime compute_time(const Work&, const std::vector<ShapeUse>&, int threads,
                         const machine::Machine&, const CostOptions&);

/// What contractions ask of memory joins what the other ops do.
void add_asked(Work&, const ContractionWork&);

/// The main vector unit, or the one of options.vector_bits; UserError where there is none.
const machine::Unit& vector_unit_of(const machine::Machine&, const CostOptions&);

/// The level's capacity, in which questions are noted as the options say.
gir::Room room_of(const machine::Machine&, const machine::Level&, const CostOptions&);

/// UserError when the machine lacks what the kernel needs (a rate, a vector unit).
KernelModel model_kernel(const gir::Program&, const gir::Kernel&, const machine::Machine&,
                         const CostOptions& = {});

/// The same in parts: all but the caches, and each of those.
KernelModel model_without_caches(const gir::Program&, const gir::Kernel&, const machine::Machine&,
                                 const CostOptions& = {});
std::vector<const machine::Level*> caches_of(const machine::Machine&);
/// What a kernel's nests touch, whatever the caches hold: by the parties that share the work, and
/// by the bytes of a line.
using PartsTable = std::map<std::pair<int64_t, double>, std::shared_ptr<const PartBytes>>;
/// `known`: of this kernel; gets what it lacks.
CacheTraffic cache_traffic(const gir::Program&, const gir::Kernel&, const machine::Machine&,
                           const machine::Level& cache, int threads, const CostOptions&,
                           PartsTable& known);

/// Share (0 to 1) of an array's first fetch that a cache already holds; own tiles always are held.
using Warm = std::function<double(const std::string& cache, const Array&)>;

KernelCost cost_of(const KernelModel&, const machine::Machine&, const CostOptions& = {},
                   const Warm& = nullptr);
/// The same with caches in place of the model's.
KernelCost cost_of(const KernelModel&, const CacheTraffics&, const machine::Machine&,
                   const CostOptions&, const Warm&);

/// Time for reads and writes through one level: the part that both have in common at the copy rate
/// where one is given, the rest at its own; without one, reads and writes have ports of their own.
machine::Interval transfer_us(const machine::Level&, double read_bytes, double write_bytes,
                              int64_t cores);

}  // namespace smeaton::cost
