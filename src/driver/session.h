// Session: a model, or a program in its place (entry.h), compiled for this machine and run; what
// the CLI and the Python package stand on.
//
// A session reads the model once and keeps a bounded cache of specialisations: one per combination
// of input shapes and of the input values that decide shapes. Safe to call from several threads.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "driver/judge.h"
#include "model/graph.h"
#include "schedule/schedule.h"
#include "tensor/dim.h"
#include "tensor/tensor.h"

namespace smeaton::driver {

using tensor::Dim;
using tensor::DType;
using tensor::Tensor;

struct SessionOptions {
    int threads = 0;                      ///< 0: all that affinity and cgroup quota allow
    std::map<std::string, int64_t> dims;  ///< NAME=VALUE and INPUT:AXIS=VALUE bindings
    /// {INPUT: OUTPUT}: the input (or initializer) is kept between runs and takes the output's
    /// value after each. It starts at the initializer of that name, else at zeros.
    std::map<std::string, std::string> state;
    std::string isa;                ///< "", "avx512", "avx2", "plain": forces a target
    std::vector<std::string> skip;  ///< rewrites and passes left out, by name
    /// Element type of the operands of products: "", "f32", "bf16", "fp16", "int8" (precision.h).
    std::string precision;
    bool operators_apart = false;  ///< kernels of different operators of the model do not merge
    std::string stop_after;        ///< last stage to run; empty: all
    std::string resume;            ///< a dump to go on from (resume.h); empty: from the model
    std::string dump_folder;       ///< NN.stage.txt after every stage; empty: none
    std::string cache_folder;      ///< empty: the user's cache folder
    std::string explain;           ///< what rewrites did: "", "rules" or "all" (explain.h)
    std::function<void(const std::string& stage, double fraction)> progress;  ///< may be empty
    /// What becomes of a program on which nothing is left to choose; may be empty.
    std::function<gir::Program(const gir::Program&)> finish;
    std::function<void()> poll;  ///< asked while compilers run; what it throws ends them
    /// How code comes for shapes that run() meets first. "full": optimised, before it runs.
    /// "quick": with flags that compile sooner, and the optimised code, compiled behind the runs
    /// with little priority, takes its place between two of them; outputs are the same, bit for
    /// bit. "auto": full for the session's first shapes, quick for others. Where
    /// kernels are placed side by side by measured times: full.
    std::string compile = "auto";
    int kept = 32;  ///< compiled forms kept, from 1 on; the least recently used goes first
    /// NAME or INPUT:AXIS of an open size: the multiple that it is rounded up to (bucket.h).
    std::map<std::string, int64_t> bucket;
    /// Told in one line when run() compiles for shapes other than the first; may be empty.
    std::function<void(const std::string& line)> log;
    /// Kernels side by side: "off", "auto" (where it is faster, by measurement), or an algorithm of
    /// schedule/solve.h. No bit of a result depends on it.
    std::string parallel = "off";
    /// What runs when, of the kernels as kernel_tasks (driver/parallel/tasks.h) lists them, each on
    /// neighbouring cores, in place of what `parallel` would choose; may be null.
    std::shared_ptr<const schedule::Schedule> schedule;
    /// Samples of one call of run_batch, each of the model's own sizes.
    int samples = 1;
    /// Of linear and `auto`, for several samples: "plain" or "switched" (schedule/linear/hyper.h);
    /// empty: plain, and `auto` tries both.
    std::string hyper;
};

struct PortInfo {
    std::string name;
    DType dtype = DType::kF32;
    std::vector<Dim> shape;  ///< symbolic where the model leaves it open
    bool rank_known = true;  ///< false: `shape` is empty and says nothing
};

struct KernelStats {
    std::string name;
    std::vector<std::string> ops;  ///< model nodes
    double time_us = 0;            ///< measured, median
    int64_t flops = 0;
    std::map<std::string, int64_t> bytes;  ///< by level, from the ledger
};

/// One thread at work on a kernel.
struct TraceSpan {
    size_t kernel = 0;                ///< as profile() lists them
    int thread = 0;                   ///< 0: the caller
    double begin_us = 0, end_us = 0;  ///< since the run began
};

/// One run, as it went.
struct RunTrace {
    int threads = 1;
    std::vector<TraceSpan> spans;
    std::vector<int64_t> alive_bytes;  ///< of the arena, by kernel
};

struct MemoryStats {
    int64_t arena_bytes = 0;
    int64_t arena_lower_bound_bytes = 0;  ///< max-live of the program as compiled
    int64_t graph_max_live_bytes = 0;     ///< max-live of the model graph before fusion
    int64_t scratch_bytes = 0;
    int64_t weights_bytes = 0;
    int64_t state_bytes = 0;
};

/// A way to take up the kernels, as it was timed.
struct TriedWay {
    std::string method;  ///< as ParallelChoice::method
    std::string hyper;   ///< of linear and several samples
    double us = 0;       ///< of all samples together
    double joules = 0;   ///< of all samples together; 0: not known
};

/// How a run takes up its kernels, and what that was weighed against.
struct ParallelChoice {
    std::string wanted;  ///< as asked
    /// What runs. "serial": one kernel after another, all threads on each; "one_thread":
    /// all on one; "all_threads", "sample_per_core", "mixed": parallel.h; else the algorithm.
    std::string method;
    std::string tried;  ///< that of `schedule`; empty: none was made
    std::string hyper;  ///< of `schedule`, where linear made it for several samples
    std::string why;    ///< a sentence where nothing was timed
    int threads = 1;
    int samples = 1;
    std::vector<TriedWay> ways;  ///< all that were timed, serial first; empty: none
    std::string energy_of;       ///< where the joules are from: "RAPL: …", "predicted …"
    std::string energy_missing;  ///< why there are none
    std::string cpu;             ///< the machine's identity
    bool kept = false;           ///< read from the cache folder, not timed now
    double serial_us = 0;     ///< one kernel after another on all threads; measured, 0: not timed
    double linear_us = 0;     ///< Ramiel's clusters; measured, 0: not timed
    double scheduled_us = 0;  ///< the schedule below; measured, 0: not timed
    /// By how much the true scheduled_us / serial_us may be more, but once in 40 times, and how
    /// often a choice has been made: one made on a busy machine is made again.
    double uncertainty = 0;
    int timings = 1;
    /// What all kernels took on one thread beside copies of themselves on the others, over what
    /// they took alone: near 1 where each thread has a core, over 1.5 where they share one.
    double crowding = 1;
    double bound_us = 0;  ///< of every schedule over the kernels' times
    double critical_path_us = 0;
    double work_us = 0;           ///< least core time of all kernels / threads
    schedule::TaskGraph graph;    ///< kernels with their times here
    schedule::Schedule schedule;  ///< what runs, or the fastest of what was refused
};

struct Tuned;  // pipeline.h
struct Entry;  // pipeline.h

class Session {
public:
    /// A model's file, or a program's whose weights all have data.
    explicit Session(const std::string& path, SessionOptions = {});
    /// Of a graph that stands in no file; `label` names it in messages.
    Session(model::Graph graph, const std::string& label, SessionOptions = {});
    /// Of a program whose weights all have data.
    Session(Entry, const std::string& label, SessionOptions = {});
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    /// What is fed and what is given: states and the outputs that go into them are left out.
    const std::vector<PortInfo>& inputs() const;
    const std::vector<PortInfo>& outputs() const;
    /// Inputs that have a value in the file, which is taken where none is fed.
    const std::vector<PortInfo>& overridable() const;
    int threads() const;
    /// What a user should know of how the session was made; empty where all is as asked for.
    const std::vector<std::string>& warnings() const;

    /// Runs the model. `feeds` by input name; dense tensors, viewed and not copied. `names` selects
    /// and orders outputs (empty: all of outputs()); one that goes into a state gives a copy of
    /// what the state then holds. UserError on a missing, unknown, ill-typed or ill-shaped feed.
    /// Where a check of the model fails, states keep what they held. Runs that share a state take
    /// turns.
    std::vector<Tensor> run(const std::map<std::string, Tensor>& feeds,
                            const std::vector<std::string>& names = {});
    /// options.samples samples, of equal shapes, in one call: outputs by sample, the bits of run()
    /// on each. UserError as for run(), and for another number of samples.
    std::vector<std::vector<Tensor>> run_batch(const std::vector<std::map<std::string, Tensor>>&);

    /// Copies of what the states hold, by input name.
    std::map<std::string, Tensor> state();
    /// Gives some or all states another value. UserError on an unknown name, another element type
    /// or another shape; then nothing has changed.
    void set_state(const std::map<std::string, Tensor>&);

    /// Compiles for these feeds without running, in full; gives the seconds it took (0 when kept
    /// already).
    double prepare(const std::map<std::string, Tensor>& feeds);
    /// Times each kernel over `runs` runs; for the specialisation of `feeds`. Each begins with the
    /// state as it is, which is left so. UserError below one run.
    std::vector<KernelStats> profile(const std::map<std::string, Tensor>& feeds, int runs);
    /// One run with the times at which each thread worked on each kernel; states are left as they
    /// were.
    RunTrace trace(const std::map<std::string, Tensor>& feeds);
    /// What the stages made for these feeds: graphs, programs, log of rewrites.
    std::shared_ptr<const Tuned> tuned(const std::map<std::string, Tensor>& feeds);
    MemoryStats memory(const std::map<std::string, Tensor>& feeds);
    /// How runs on these feeds take up their kernels; `method` "serial" where options.parallel is
    /// "off".
    ParallelChoice parallel(const std::map<std::string, Tensor>& feeds);
    /// What the outputs are by the interpreter, from the program before any rewrite: slow and
    /// obvious. States are as they are and are left so.
    std::vector<Tensor> interpreted(const std::map<std::string, Tensor>& feeds);
    /// Every kernel as emitted against the interpreter, on the values of these feeds (judge.h).
    /// `options` without isa and cache folder, which are the session's.
    std::vector<Judgement> judge(const std::map<std::string, Tensor>& feeds, JudgeOptions options);
    /// Emitted source, one string per translation unit.
    std::vector<std::string> source(const std::map<std::string, Tensor>& feeds);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// UserError naming the option unless its words are known, this CPU has the instruction set, and
/// the graph has the dims. `label` names the graph in messages.
void check_options(const model::Graph&, const std::string& label, const SessionOptions&);

}  // namespace smeaton::driver
