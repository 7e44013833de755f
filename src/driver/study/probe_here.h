// `probe`: this machine's description and its headline figures.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "driver/here.h"
#include "driver/simulate/simulate.h"

namespace smeaton::driver {

struct ProbedLevel {
    std::string name;
    int64_t bytes = 0;        ///< of one instance
    TimeRange read_gb_s;      ///< one core
    TimeRange all_read_gb_s;  ///< all cores
    double latency_ns = 0;
    bool per_core = false;  ///< each core has one
};

struct ProbeResult {
    std::string machine;
    int cores = 1;
    double clock_ghz = 0;
    std::map<std::string, TimeRange> peak_gflops;  ///< "fp32", "bf16", "int8": one core
    std::map<std::string, double> all_gflops;      ///< all cores
    std::vector<ProbedLevel> levels;               ///< innermost first, registers left out
    double handoff_ns = 0;                         ///< between spinning threads; 0: one core
    std::string yaml;                              ///< the description
    std::string kept_in;                           ///< where later predictions find it
};

std::vector<ProbedLevel> probed_levels(const machine::Machine&);
/// Measures anew and keeps the description.
ProbeResult probe_here(const HereOptions&);

}  // namespace smeaton::driver
