// A model costed as published cost models cost it: SimDIT and SCALE-Sim, quirks and all.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "driver/simulate/layer_table.h"

namespace smeaton::driver {

struct SimditRequest {
    LayerRequest layers;        ///< with the word on training
    std::string hardware_file;  ///< SimDIT's JSON
    bool fusion = false;
};

struct SimditDram {
    double filter = 0, ifmap = 0, psum = 0, ofmap = 0, bias = 0;  ///< bytes
    double total() const { return filter + ifmap + psum + ofmap + bias; }
};
struct SimditSram {
    double wbuf = 0, ibuf = 0, obuf = 0, bbuf = 0, vmem = 0;  ///< bytes
    double immediates = 0, instructions = 0;                  ///< bytes
};
struct SimditCycles {
    double systolic = 0, simd = 0;
};

/// A row of the published tables.
struct SimditNode {
    std::string name, op;
    std::string group;  ///< its class: "convolution", "normalisation", ...
    std::string phase;  ///< "forward", "backward", "update"
    double compute_cycles = 0, stall_cycles = 0;
    SimditDram dram;
    SimditSram sram;
    double op_count = 0;  ///< two per multiply-accumulate on padded sizes, the rest by latency
    int64_t macs = 0;     ///< by the row's own sizes, nothing padded
    std::string free;     ///< why it costs nothing; empty where it costs

    double cycles() const { return compute_cycles + stall_cycles; }
};

struct SimditResult {
    std::string model, hardware;
    bool training = false, fusion = false;
    std::vector<SimditNode> nodes;
    SimditCycles compute_cycles, stall_cycles;
    SimditDram dram;
    SimditSram sram;
    double op_count = 0;
    int64_t macs = 0;
    std::map<std::string, double> shares;  ///< of the cycles, by class
    double time_ms = 0;                    ///< at the clock for which SimDIT's latencies hold
    double charge_ms = 0;  ///< processor time of the closed form, its table being there

    double total_cycles() const {
        return compute_cycles.systolic + compute_cycles.simd + stall_cycles.systolic +
               stall_cycles.simd;
    }
};

SimditResult simulate_simdit(const SimditRequest&);

struct ScaleSimRequest {
    LayerRequest layers;          ///< .model: an ONNX file, or a topology file ending in .csv
    std::string array, dataflow;  ///< "32x32", "os"
};

struct ScaleSimNode {
    std::string name, op;
    int64_t m = 1, n = 1, k = 1, times = 1;
    int64_t macs = 0, cycles = 0;
    double utilization = 0;
};

struct ScaleSimResult {
    std::string model, dataflow;
    int64_t rows = 1, columns = 1;
    std::vector<ScaleSimNode> nodes;
    std::map<std::string, int> not_modelled;  ///< operators of the model that SCALE-Sim lacks
    int64_t total_cycles = 0, macs = 0;
    double utilization = 0;
};

ScaleSimResult simulate_scalesim(const ScaleSimRequest&);

}  // namespace smeaton::driver
