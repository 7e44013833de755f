// The meaning of GIR, executed: the slow, obvious reference that every rewrite and every emitter is
// compared with. One thread. Floats are computed as double and rounded once per op at the store
// (so sums inside one reduce or mma are exact to well below an ulp); integers are exact and wrap.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gir/interp/storage.h"
#include "gir/ledger/levels.h"
#include "gir/ledger/traffic.h"
#include "gir/program.h"

namespace smeaton::gir::interp {

/// A run of consecutive iterations of a kernel's outermost parallel nest (its directly nested
/// parallels flattened, last one fastest).
struct IterationRange {
    int64_t first = 0;
    int64_t count = INT64_MAX;
    int nest = -1;  ///< of several nests the one that runs, counted from 0; -1: each, so far
};

/// What a trace sink is told of one buffer or tile.
struct Region {
    Name name;
    Name level;
    uint64_t address =
        0;  ///< of its first byte, in one address space for all regions, 4096-aligned
    int64_t bytes = 0;
    bool tile = false;
};

/// Gets every access in order: op by op, each slice element once per op (as the ledger counts).
/// Reads of a claim appear as reads of its source.
class TraceSink {
public:
    virtual ~TraceSink() = default;
    /// Regions it answers false for are left out.
    virtual bool wants(const Region&) { return true; }
    virtual void access(const Region&, int64_t byte_offset, int64_t bytes, bool write) = 0;
    /// Between parallel iterations of the outermost nest.
    virtual void iteration(int64_t /*index*/) {}
    /// The accesses that follow bring a claim into this level: those further in do not see them.
    /// Empty: the accesses are those of ops again.
    virtual void fetching_into(Name /*level*/) {}
};

/// Elements of each buffer (by element offset) that were stored to.
using WrittenMap = std::map<Name, std::vector<uint8_t>>;

struct Options {
    Bindings bindings;             ///< parameters that the program leaves unbound
    bool count = false;            ///< count traffic (slow: every slice element is visited)
    std::optional<Levels> levels;  ///< what to count at; none: levels_used
    TraceSink* trace = nullptr;    ///< addresses (slow)
    WrittenMap* written = nullptr;
    bool poison_tiles = true;  ///< a tile holds NaN until written, each time its block is entered
    bool widen = true;         ///< run inner parallel iterations side by side (same results)
    IterationRange range;      ///< run_kernel only
    /// Moves every float sum of a reduce or mma at random by up to this part of the sum of its
    /// terms' magnitudes: the freedom that GIR leaves in the order of addition, made visible.
    double sum_slack = 0;
    uint32_t sum_seed = 1;   ///< of what moves them
    bool skip_once = false;  ///< run(): leave out `once` steps (their results are in memory)
    /// run(): called around each kernel step.
    std::function<void(const RunStep&, const Memory&)> before, after;
};

/// Runs one kernel on storages, each in its buffer's layout. All buffers it names must be there.
/// Adds what it counts to `traffic`. UserError when a check fails or an index is out of range;
/// InternalError when a slice leaves its buffer.
void run_kernel(const Kernel&, const Program&, Memory&, const Options& = {},
                Traffic* traffic = nullptr);

/// Iterations that IterationRange counts; 0 when the kernel cannot be sampled: anything but one
/// parallel nest, claims and constant tiles at its top.
int64_t sampled_iterations(const Kernel&, const Bindings& = {});

/// One of a kernel's outermost parallel nests.
struct NestSize {
    int64_t iterations = 0;
    double points = 0;
};
/// All of them, where each may run without those before it: beside them there are claims and
/// constant tiles, and none reads a buffer that another writes. Else none.
std::vector<NestSize> separate_nests(const Kernel&, const Program&, const Bindings& = {});

/// Storages for all buffers whose extents are known: inputs and weights laid out (dense ones are
/// views), the others poisoned with their borders set, aliases shared. UserError on a missing,
/// unknown or ill-shaped input. Weights that `once` steps write are allocated.
Memory make_memory(const Program&, const std::map<Name, Tensor>& inputs, const Bindings& = {});

struct Result {
    std::map<Name, Tensor> outputs;  ///< by buffer name
    std::map<Name, Tensor> state;    ///< what states hold after the run, by buffer name
    Traffic traffic;                 ///< with Options::count: all kernels, `once` ones apart
    Traffic once_traffic;
    Bindings settled;  ///< parameters bound by settle steps
};

/// Runs all steps. `inputs` by buffer name: Input, and State; a state that is not given starts at
/// its data, else at zeros.
Result run(const Program&, const std::map<Name, Tensor>& inputs, const Options& = {});

/// The same on memory made by make_memory; outputs stay there.
Result run_steps(const Program&, Memory&, const Options& = {});

/// Parameters of the program with their values, `more` added.
Bindings bindings_of(const Program&, const Bindings& more = {});

}  // namespace smeaton::gir::interp
