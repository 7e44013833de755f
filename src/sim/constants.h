// Each figure behind a simulated result, with its range and its source.
#pragma once

#include <string>
#include <vector>

#include "sim/simulate.h"

namespace smeaton::sim {

struct Constant {
    std::string part;  ///< "machine", "unit simd", "level dram"
    std::string what;  ///< "clock", "exp f32", "read energy"
    std::string unit;  ///< "GHz", "pJ/byte"
    machine::Interval value;
    std::string source;  ///< names of the file's `sources` table written out; empty: nobody said
};

/// Clock, capacities, bandwidths, latencies and rates as the machine states them; energies, areas
/// and leakage that went into the cost, whether stated or from the technology's tables.
std::vector<Constant> constants_of(const ProgramCost&, const machine::Machine&);

}  // namespace smeaton::sim
