#include "driver/study/study.h"

#include <algorithm>
#include <ctime>

#include "base/error.h"
#include "base/workers.h"
#include "driver/entry.h"
#include "driver/kernel_class.h"
#include "driver/pipeline.h"
#include "driver/scheduling/energy.h"
#include "driver/source.h"
#include "gir/ledger/ledger.h"
#include "gir/text/print.h"
#include "machine/read.h"
#include "machine/shipped.h"
#include "model/blocks/blocks.h"

namespace smeaton::driver {

namespace {

using Feeds = std::map<std::string, Tensor>;

std::string now_utc() {
    std::time_t now = std::time(nullptr);
    std::tm parts = {};
    gmtime_r(&now, &parts);
    return fmt::format("{:04d}-{:02d}-{:02d} {:02d}:{:02d}", parts.tm_year + 1900, parts.tm_mon + 1,
                       parts.tm_mday, parts.tm_hour, parts.tm_min);
}

double bytes_of(const std::vector<PortShape>& ports) {
    double bytes = 0;
    for (const PortShape& p : ports) {
        int64_t elements = 1;
        for (int64_t size : p.shape) elements *= size;
        if (auto dtype = tensor::dtype_named(p.dtype))
            bytes += static_cast<double>(tensor::byte_count(*dtype, elements));
    }
    return bytes;
}

void add_totals(StudyResult& r) {
    std::map<std::string, double> claimed;
    double flops = 0;
    for (size_t i = 0; i < r.measured.kernels.size(); ++i) {
        const MeasuredKernel& k = r.measured.kernels[i];
        r.measured_us += k.time_us;
        flops += static_cast<double>(k.flops);
        r.predicted_us += k.predicted_us;
        r.kernel_errors.push_back(k.time_us > 0 ? k.predicted_us / k.time_us - 1 : 0);
        r.kernel_compulsory_bytes += static_cast<double>(k.compulsory_bytes);
        for (const auto& [level, bytes] : k.bytes) claimed[level] += static_cast<double>(bytes);
    }
    if (r.measured_us > 0) {
        r.prediction_error = r.predicted_us / r.measured_us - 1;
        r.gflops = flops / r.measured_us / 1e3;
        if (r.peak_gflops > 0) r.peak_share = r.gflops / r.peak_gflops;
    }
    std::map<std::string, size_t> at;
    for (const SimulatedKernel& k : r.here.kernels) {
        if (k.once) continue;
        for (const SimulatedLevel& l : k.levels) {
            if (at.emplace(l.name, r.traffic.size()).second) {
                r.traffic.emplace_back();
                r.traffic.back().name = l.name;
            }
            r.traffic[at[l.name]].predicted_bytes += l.read_bytes + l.write_bytes;
        }
    }
    for (LevelTraffic& t : r.traffic) {
        t.claimed_bytes = claimed.count(t.name) ? claimed[t.name] : 0;
        if (r.model_compulsory_bytes > 0)
            t.times_least = t.predicted_bytes / r.model_compulsory_bytes;
        for (const ProbedLevel& l : r.levels)
            if (l.name == t.name) t.per_core = l.per_core;
    }
}

/// GIR and ledger of each kernel of a run.
std::vector<KernelText> kernel_texts(const gir::Program& program, const gir::Target& target) {
    const gir::Levels levels = gir::levels_of(target, program);
    std::vector<KernelText> texts;
    for (const gir::Step& s : program.steps)
        if (auto* run = std::get_if<gir::RunStep>(&s.node); run && !run->once)
            texts.push_back({gir::print(*run->kernel),
                             gir::str(gir::ledger_of_named(*run->kernel, program, levels))});
    return texts;
}

/// The kernels' time by operator, by shape and by layer, and the graph with it.
void add_groups(const Tuned& tuned, StudyResult& r) {
    const model::Graph& graph = tuned.graph.graph;
    const model::Blocks blocks = model::find_blocks(graph);
    add_blocks(graph, blocks, r.summary);
    const auto& kernels = r.measured.kernels;
    r.operators = time_groups(r.summary, kernels, by_operator(r.summary));
    r.shapes = time_groups(r.summary, kernels, by_shape(tuned.unfolded.graph));
    r.layers = time_groups(r.summary, kernels, by_block(graph, blocks));
    std::map<std::string, size_t> place;
    for (const model::Block& block : blocks.blocks) place.emplace(block.name, place.size());
    auto place_of = [&](const TimeGroup& g) {
        auto found = place.find(g.name);
        return found == place.end() ? place.size() : found->second;
    };
    std::stable_sort(r.layers.begin(), r.layers.end(),
                     [&](auto& a, auto& b) { return place_of(a) < place_of(b); });
    GroupOf itself;
    for (const OperatorRow& row : r.summary.rows) itself[row.node] = row.node;
    r.picture = picture_of(graph, blocks, r.layers, time_groups(r.summary, kernels, itself));
    draw(r.picture);
}

/// The heaviest operator of each kernel.
std::vector<std::string> heaviest_operators(const model::Graph& graph,
                                            const std::vector<MeasuredKernel>& kernels) {
    const KernelClasses classes(graph);
    std::vector<std::string> ops;
    for (const MeasuredKernel& k : kernels) ops.push_back(classes.of(k.ops).op);
    return ops;
}

struct NamedMachine {
    std::string file;
    machine::Machine machine;
};

/// Those asked for, else those that ship. UserError for one that cannot be read.
std::vector<NamedMachine> machines_of(const std::vector<std::string>& wanted) {
    std::vector<NamedMachine> all;
    for (const std::string& file : wanted.empty() ? machine::shipped_names() : wanted)
        all.push_back({file, machine::read_machine_file(file)});
    return all;
}

/// What stages read for another machine than this one.
SessionOptions plain_options(const SessionOptions& options) {
    SessionOptions plain;
    plain.dims = options.dims;
    plain.skip = options.skip;
    plain.state = options.state;
    return plain;
}

OtherMachine on_machine(const NamedMachine& named, const Opened& opened,
                        const SessionOptions& options) {
    OtherMachine other;
    other.file = named.file;
    try {
        const machine::Machine& m = named.machine;
        if (options.progress) options.progress("simulate on " + m.name, 0.9);
        other.predicted = simulate_model(opened.graph, opened.feeds, plain_options(options), m, {});
    } catch (const UserError& error) {
        other.failed = error.what();
    }
    return other;
}

void add_machines(const std::vector<NamedMachine>& machines, const Opened& opened,
                  const SessionOptions& options, StudyResult& r) {
    for (const NamedMachine& named : machines) {
        OtherMachine other = on_machine(named, opened, options);
        if (r.here.time_ms.value > 0)
            other.relative_time = other.predicted.time_ms.value / r.here.time_ms.value;
        if (!other.failed.empty()) r.notes.push_back(named.file + ": " + other.failed);
        r.machines.push_back(std::move(other));
    }
}

/// In a session of its own: the other runs one kernel after another.
void add_parallel(const StudyRequest& request, const SessionOptions& options, const Feeds& feeds,
                  const gir::Program& program, const machine::Machine& here, StudyResult& r) {
    if (r.measured.threads == 1) {
        r.parallel.method = "serial";
        r.parallel.why = "one thread: nothing can run beside another kernel";
        return;
    }
    SessionOptions beside = options;
    beside.parallel = "auto";
    Session session(request.measure.model, beside);
    r.parallel = session.parallel(feeds);
    predict_energy(r.parallel, program, here, simulate_options(session, here, options));
    if (r.parallel.method != "serial") r.parallel_run = timeline_of(session.trace(feeds));
}

}  // namespace

StudyResult study(const StudyRequest& request) {
    MeasureRequest wanted = request.measure;
    wanted.kernels = false;
    wanted.trace_file.clear();
    wanted.session.dims = parse_dims(wanted.feeds.dims);
    const SessionOptions& options = wanted.session;
    auto say = [&](const std::string& what) {
        if (options.progress) options.progress(what, 0.9);
    };
    StudyResult r;
    r.date = now_utc();
    refuse_program(wanted.model);
    // What the user may have to mend comes before what takes long.
    const std::vector<NamedMachine> machines = machines_of(request.machines);
    Session session(wanted.model, options);
    Feeds feeds = gather_feeds(wanted.model, session.inputs(), wanted.feeds, session.overridable());
    r.measured = measure_in(session, {feeds}, wanted);
    auto tuned = session.tuned(feeds);
    r.summary.model = wanted.model;
    r.summary.opsets = tuned->unfolded.graph.opsets;
    for (const auto& node : tuned->unfolded.graph.nodes) ++r.summary.operators[node.op_name];
    add_work(tuned->unfolded, r.summary);
    // Every constant once, though the program reads packed copies of some.
    r.model_compulsory_bytes = static_cast<double>(r.summary.weights_bytes) +
                               bytes_of(r.measured.inputs) + bytes_of(r.measured.outputs);

    const machine::Machine here = machine_here({options.cache_folder, false, options.progress});
    r.host = host(options.cache_folder);
    r.levels = probed_levels(here);
    r.here = predict_here(session, feeds, options);
    r.peak_gflops = r.here.peak_gflops;
    r.memory_gb_s = r.here.memory_gb_s;
    say("timing kernels");
    r.measured.machine = r.here.machine;
    r.measured.kernels = measured_kernels(session, feeds, std::clamp(wanted.runs, 5, 20), r.here);
    r.kernel_texts = kernel_texts(tuned->program, target_here(options));
    r.alive_bytes = session.trace(feeds).alive_bytes;
    SMEATON_CHECK(r.alive_bytes.size() == r.measured.kernels.size() &&
                      r.kernel_texts.size() == r.measured.kernels.size(),
                  "{} kernels measured, {} in the arena, {} in the program",
                  r.measured.kernels.size(), r.alive_bytes.size(), r.kernel_texts.size());
    add_totals(r);
    add_groups(*tuned, r);

    if (options.parallel == "off") {
        say("timing kernels side by side");
        add_parallel(request, options, feeds, tuned->program, here, r);
    } else {
        r.parallel = *r.measured.parallel;
    }
    if (request.peer) {
        say("turn by turn with ONNX Runtime");
        r.peer = compare_with_onnx_runtime(session, wanted.model, feeds, request.turns);
    } else {
        r.peer.skipped = "not asked for";
    }
    if (!r.peer.ran) r.notes.push_back("no comparison with ONNX Runtime: " + r.peer.skipped);
    const Opened opened = open_model(wanted.model, wanted.feeds, options);
    add_machines(machines, opened, options, r);
    say("pricing better machines");
    Pricer pricer(opened.graph, opened.feeds, plain_options(options));
    pricer.use(std::make_shared<Workers>(0));
    r.what_ifs = what_if(pricer, tuned->program, here, simulate_options(session, here, options));
    r.verdict = verdict(r.measured.kernels,
                        heaviest_operators(tuned->unfolded.graph, r.measured.kernels), r.what_ifs);
    return r;
}

}  // namespace smeaton::driver
