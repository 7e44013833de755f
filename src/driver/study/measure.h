// `run`: compiles for this machine, runs, checks, times.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "driver/explain.h"
#include "driver/feeds.h"
#include "driver/session.h"
#include "driver/simulate/simulate.h"
#include "driver/study/check.h"

namespace smeaton::driver {

/// In place of files with the outputs wanted: what the interpreter makes of the first program.
inline constexpr const char* kInterpreter = "interpreter";

struct MeasureRequest {
    std::string model;
    FeedRequest feeds;
    SessionOptions session;  ///< dims are taken from feeds
    /// Files with the outputs wanted: .npy and .pb in the outputs' order, .npz by their names; or
    /// kInterpreter.
    std::vector<std::string> expected;
    Tolerance tolerance;
    std::string output_folder;  ///< outputs as .npy; empty: not written
    int runs = 10, warmup = 2;
    bool kernels = false;    ///< time each kernel, with its bound by this machine's description
    std::string trace_file;  ///< Perfetto JSON; empty: none
    /// Whose energy figures stand in where the OS has no counters; empty: this machine's.
    std::string energy_machine;
};

struct Latency {
    double median = 0, p95 = 0, min = 0;  ///< ms
};

struct PortShape {
    std::string name, dtype;
    std::vector<int64_t> shape;
};

/// A kernel as measured, and what the machine's description says of it.
struct MeasuredKernel {
    std::string name;
    std::vector<std::string> ops;
    double time_us = 0;  ///< median
    double share = 0;    ///< of the kernels' time, 0 to 1
    double gflops = 0;   ///< reached
    double predicted_us = 0;
    int64_t flops = 0;
    std::map<std::string, int64_t> bytes;  ///< by level, from the ledger
    int64_t compulsory_bytes = 0;          ///< of the kernel's operands, once each
    std::string bound;                     ///< "compute" or a level's name
    double efficiency = 0;                 ///< the bound's time / measured time
};

struct MeasureResult {
    std::string model;
    Latency latency_ms;
    double compile_s = 0;
    int threads = 1, runs = 0;
    int samples = 1;  ///< of a run
    MemoryStats memory;
    std::vector<PortShape> inputs, outputs;
    std::vector<MeasuredKernel> kernels;  ///< empty unless wanted
    std::string machine;                  ///< the description used for the kernels
    std::vector<Comparison> checks;
    std::vector<std::string> written;        ///< output files
    std::vector<std::string> warnings;       ///< of the reader and of shape inference
    std::optional<ParallelChoice> parallel;  ///< absent where it is off
    std::optional<Explanation> explained;    ///< what the rules gained, where wanted
};

MeasureResult measure(const MeasureRequest&);
/// The same in a session that exists, on these feeds, a map for each of session.samples.
MeasureResult measure_in(Session&, const std::vector<std::map<std::string, Tensor>>& samples,
                         const MeasureRequest&);
/// What the last stage wanted (session.stop_after) made for this machine, as text.
std::string text_after(const MeasureRequest&);

Latency latency_of(std::vector<double> ms);
/// A sentence where the median is far from the fastest run; else empty.
std::string noise_warning(const Latency&, int runs);
/// Measured kernels beside their prediction on this machine, in step order.
std::vector<MeasuredKernel> measured_kernels(Session&, const std::map<std::string, Tensor>& feeds,
                                             int runs, const SimulateResult& predicted);
/// How this session would be simulated: its threads, the vectors of its instruction set.
SimulateOptions simulate_options(const Session&, const machine::Machine& here,
                                 const SessionOptions&);
/// Prediction for the program as compiled for this machine.
SimulateResult predict_here(Session&, const std::map<std::string, Tensor>& feeds,
                            const SessionOptions&);
/// Writes outputs as FOLDER/NAME.npy; gives the files.
std::vector<std::string> write_outputs(const std::vector<PortInfo>&, const std::vector<Tensor>&,
                                       const std::string& folder);
/// One comparison per .npy or .pb file, outputs in their order, and one per array of a .npz file,
/// by name. UserError for more files than outputs, and for an array that no output is named as.
std::vector<Comparison> check_outputs(const std::vector<PortInfo>&, const std::vector<Tensor>&,
                                      const std::vector<std::string>& files, const Tolerance&);
std::vector<PortShape> shapes_of(const std::vector<PortInfo>&, const std::vector<Tensor>&);

}  // namespace smeaton::driver
