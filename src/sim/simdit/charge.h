// SimDIT's closed form (arXiv 2306.16767): what an operation costs on the hardware.
//
// Published quirks are kept: channels are padded, tiles may be fractions, the first case of the
// stalls may count -1 tiles, the vector unit overlaps nothing with its transfers, array and vector
// unit take turns.
#pragma once

#include <vector>

#include "sim/simdit/hardware.h"
#include "sim/simdit/operation.h"

namespace smeaton::sim::simdit {

/// The clock for which the latencies of div, exp and inverse square root hold.
constexpr double kClockPs = 800;

/// Bits that an operation moves, by where they go.
struct Traffic {
    double wbuf = 0, ibuf = 0, obuf = 0, bbuf = 0;  ///< between buffers and array
    double vmem = 0, immediates = 0, instructions = 0;
    double filter = 0, ifmap = 0, psum = 0, ofmap = 0, bias = 0;  ///< to and from DRAM

    double dram() const { return filter + ifmap + psum + ofmap + bias; }
};

struct Cost {
    Traffic bits;
    double compute_cycles = 0, stall_cycles = 0;
    double operations = 0;  ///< two per multiply-accumulate on padded sizes; div, exp, ... weighed
                            ///< by their latency
    double cycles() const { return compute_cycles + stall_cycles; }
};

struct Totals {
    Cost array, vector;  ///< their sums over the operations
    double cycles() const { return array.cycles() + vector.cycles(); }
    double operations() const { return array.operations + vector.operations; }
    Traffic bits() const;
};

struct Options {
    bool training = false;  ///< latencies of fp32 instead of 32-bit fixed point
    /// Results of a convolution or GEMM stay on the chip for the vector operation behind it.
    bool fusion = false;
};

/// Whether row `i` writes elements as narrow as the array's inputs: the next row is on the array.
bool narrowed(const std::vector<Operation>&, size_t i);

/// One cost per operation, in their order. UserError, naming the node, where its smallest tile does
/// not fit.
std::vector<Cost> charge(const std::vector<Operation>&, const Hardware&, const Options&);
Totals totals(const std::vector<Operation>&, const std::vector<Cost>&);

}  // namespace smeaton::sim::simdit
