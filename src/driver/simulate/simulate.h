// A model on a described machine: the same stages as for running, then the closed-form cost.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "driver/feeds.h"
#include "driver/session.h"
#include "driver/source.h"
#include "machine/machine.h"
#include "model/graph.h"

namespace smeaton {
class Workers;  // base/workers.h
}  // namespace smeaton
namespace smeaton::gir {
struct Program;
}  // namespace smeaton::gir
namespace smeaton::sim {
struct KeptModels;  // sim/simulate.h
}  // namespace smeaton::sim

namespace smeaton::driver {

struct TimeRange {
    double low = 0, value = 0, high = 0;
};

/// Energy, power and area; nothing where a figure of the machine is missing.
struct SimulatedEnergy {
    std::optional<TimeRange> run_pj, load_pj;   ///< of one run; of the `once` kernels
    std::map<std::string, TimeRange> parts_pj;  ///< of one run, by unit and level; "leakage"
    std::optional<TimeRange> average_power_w;
    std::optional<TimeRange> peak_power_w;  ///< of the kernel that draws the most
    std::optional<TimeRange> area_mm2, leakage_w;
    std::vector<std::string> missing;  ///< figures that the energy would need
    std::vector<std::string> missing_area;
};

/// A figure that went into the result.
struct SimulatedConstant {
    std::string part, what, unit;
    TimeRange value;
    std::string source;
};

/// The same program event by event.
struct SimulatedEvents {
    double time_ms = 0, load_ms = 0;
    int64_t events = 0;
    std::map<std::string, double> busy_ms;  ///< of one run, by unit and by what moves bytes
    double worst_difference = 0;            ///< of a kernel's time to the closed form's, as a part
    std::string worst_kernel;
};

struct SimulatedLevel {
    std::string name;
    double read_bytes = 0, write_bytes = 0;
    double time_us = 0;
    bool outermost = false;
};

/// A kernel as the walk by events counted it.
struct KernelByEvents {
    double time_us = 0;
    double macs = 0;
    std::map<std::string, double> bytes;  ///< read + written, by level
};

struct SimulatedKernel {
    std::string name;
    std::vector<std::string> ops;
    bool once = false;  ///< runs at load
    int threads = 1;
    double flops = 0;
    TimeRange time_us;
    double compute_us = 0;
    double data_us = 0;   ///< each byte at the rate of the level that serves it
    double fixed_us = 0;  ///< hand-off, first access
    double stall_us = 0;  ///< of products at the pages of what they read, beyond both
    double bound_us = 0;  ///< max(compute, data): the least time that the machine allows
    std::string bound;    ///< "compute" or a level's name
    std::vector<SimulatedLevel> levels;  ///< innermost first
    double alive_bytes = 0;              ///< of results between kernels, while it runs
    std::string op, group, phase;        ///< kernel_class.h; empty from simulate_program
    double macs = 0;
    std::optional<KernelByEvents> events;         ///< where asked for
    std::map<std::string, double> operand_bytes;  ///< at the outermost level: filter, ifmap, ...
    double array_us = 0, vector_us = 0;           ///< the units' parts of the compute time
    std::optional<TimeRange> energy_pj;
    std::map<std::string, TimeRange> parts_pj;  ///< by unit and level

    std::map<std::string, double> bytes() const;  ///< read + written, by level
};

/// A node of the graph as simplified that is in no kernel.
struct FreeNode {
    std::string name, op, because;
};

struct SimulateResult {
    std::string model;  ///< as asked for; empty from simulate_program
    bool training = false;
    int batch = 0;
    std::string machine;
    int threads = 1;
    TimeRange time_ms, load_ms;  ///< one run; the `once` kernels
    double flops = 0;
    double peak_gflops = 0;  ///< f32, of the threads used
    double memory_gb_s = 0;  ///< reads from the outermost level, by the threads used
    double clock_ghz = 0;
    SimulatedEnergy energy;
    std::optional<SimulatedEvents> events;
    std::vector<SimulatedConstant> constants;
    bool list_constants = false, list_kernels = false;  ///< as asked
    std::vector<SimulatedKernel> kernels;
    std::vector<FreeNode> free_nodes;
    double kept_bytes = 0;  ///< of weights, inputs, outputs and states
    std::vector<std::string> warnings;

    double cycles(double us) const { return us * clock_ghz * 1e3; }
};

struct SimulateOptions {
    int threads = 0;         ///< 0: all cores of the machine
    int vector_bits = 0;     ///< 0: those of the machine's main vector unit
    bool events = false;     ///< walk the program event by event as well
    std::string trace = {};  ///< a file for the timeline of the events; empty: none
    bool overlap = true;     ///< cost::CostOptions
    bool memory = false;     ///< fill in alive_bytes and kept_bytes
};

struct SimulateRequest {
    std::string model;
    std::string machine_file;                ///< empty: this machine, measured
    int threads = 0;                         ///< 0: all cores of the machine
    int batch = 0;                           ///< leading size of every input; 0: as in the file
    bool training = false;                   ///< a step of training in the model's place
    std::string loss, optimizer, recompute;  ///< of the step; empty: cross-entropy, sgd, none
    std::string without;                     ///< of kDifferences, comma between: switched off
    bool events = false;                     ///< walk the program event by event as well
    std::string trace;                       ///< a file for the timeline of the events; empty: none
    bool memory = false;                     ///< SimulateOptions
    bool sources = false;                    ///< list each figure that went into the result
    bool all = false;                        ///< list every kernel, not the largest alone
    FeedRequest feeds;
    SessionOptions session;  ///< of these, what stages up to `tile` read
};

/// Charges a program that is tiled already. `kept`, `workers`: see sim::SimOptions.
SimulateResult simulate_program(const gir::Program&, const machine::Machine&,
                                const SimulateOptions&, sim::KeptModels* kept = nullptr,
                                Workers* workers = nullptr);
/// The stages up to `tile` for that machine, then the cost. `feeds` give shapes (and the values
/// that decide shapes).
SimulateResult simulate_model(const model::Graph&, const std::map<std::string, Tensor>& feeds,
                              const SessionOptions&, const machine::Machine&,
                              const SimulateOptions&);
SimulateResult simulate(const SimulateRequest&);

/// The model for the batch, or its step of training: sizes are numbers then, and inputs more than
/// the model's.
Opened open_simulated(const SimulateRequest&);
/// How its stages run: a step of training has its sizes bound.
SessionOptions stage_options(const SimulateRequest&);

/// What the last stage wanted (session.stop_after) made, as text.
std::string text_after(const SimulateRequest&);

/// Gives kernels their operator, class and phase by the graph's nodes.
void classify_kernels(const model::Graph&, SimulateResult&);

}  // namespace smeaton::driver
