// Measures the machine that this process runs on and describes it.
#pragma once

#include <functional>
#include <string>

#include "machine/machine.h"
#include "machine/probe/cpu.h"

namespace smeaton::machine {

struct ProbeOptions {
    std::string name = "this-machine";
    int cores = 0;       ///< 0: as many as affinity and quota allow
    double seconds = 8;  ///< of measuring; preparation comes on top (about a second)
    int at_least_rounds = 5;
    std::function<void(const std::string& line)> progress;  ///< e.g. to stderr
};

/// Rates of every unit by operation class and dtype, read, write and copy bandwidth and latency of
/// every level for one and for all cores, hand-off between threads. Each figure is what blocks
/// that nobody disturbed took (sample.h), of many spread over the whole time. UserError on CPUs
/// other than x86-64, and for `cores` beyond what the process may use.
Machine probe(const ProbeOptions& = {});

/// GFLOP/s of f32 multiply-adds in a register tile fed from the first level, at the widest vectors
/// that the CPU has and at most `vector_bits`; in total over `threads` cores. For comparisons
/// within the same seconds: a neighbour on a sibling thread leaves register-only loops fast while
/// it halves what loads.
Interval fma_load_gflops(int vector_bits, int threads, double seconds);

}  // namespace smeaton::machine
