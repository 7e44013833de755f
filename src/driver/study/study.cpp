#include "driver/study/study.h"

#include <algorithm>
#include <ctime>
#include <set>

#include "base/error.h"
#include "driver/entry.h"
#include "driver/pipeline.h"
#include "driver/source.h"
#include "machine/read.h"
#include "machine/shipped.h"

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

double number(const Dim& d) {
    return d.is_const() ? static_cast<double>(d.value()) : 0;
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

// Time of each kernel, shared among the model's nodes that it computes.
std::vector<OperatorTime> operator_times(const InspectResult& summary,
                                         const std::vector<MeasuredKernel>& kernels) {
    std::map<std::string, const OperatorRow*> row_of;
    for (const OperatorRow& row : summary.rows) row_of[row.node] = &row;
    std::map<std::string, OperatorTime> by_op;
    std::set<std::string> counted;
    for (const MeasuredKernel& k : kernels) {
        double flops = 0;
        for (const std::string& node : k.ops)
            if (row_of.count(node) > 0) flops += number(row_of[node]->flops);
        for (const std::string& node : k.ops) {
            auto found = row_of.find(node);
            const OperatorRow* row = found == row_of.end() ? nullptr : found->second;
            OperatorTime& t = by_op[row ? row->op : "(made by the compiler)"];
            double share = flops > 0 ? (row ? number(row->flops) / flops : 0)
                                     : 1 / static_cast<double>(k.ops.size());
            t.time_us += share * k.time_us;
            if (!row || !counted.insert(node).second) continue;
            ++t.nodes;
            t.flops += number(row->flops);
            t.bytes += number(row->read_bytes) + number(row->written_bytes);
        }
        if (k.ops.empty()) by_op["(made by the compiler)"].time_us += k.time_us;
    }
    std::vector<OperatorTime> times;
    for (auto& [op, t] : by_op) {
        t.op = op;
        times.push_back(t);
    }
    std::stable_sort(times.begin(), times.end(),
                     [](const auto& a, const auto& b) { return a.time_us > b.time_us; });
    return times;
}

void add_totals(StudyResult& r) {
    std::map<std::string, double> claimed;
    for (size_t i = 0; i < r.measured.kernels.size(); ++i) {
        const MeasuredKernel& k = r.measured.kernels[i];
        r.measured_us += k.time_us;
        r.predicted_us += k.predicted_us;
        r.kernel_errors.push_back(k.time_us > 0 ? k.predicted_us / k.time_us - 1 : 0);
        r.kernel_compulsory_bytes += static_cast<double>(k.compulsory_bytes);
        for (const auto& [level, bytes] : k.bytes) claimed[level] += static_cast<double>(bytes);
    }
    if (r.measured_us > 0) r.prediction_error = r.predicted_us / r.measured_us - 1;
    std::map<std::string, size_t> at;
    for (const SimulatedKernel& k : r.here.kernels) {
        if (k.once) continue;
        for (const SimulatedLevel& l : k.levels) {
            if (at.emplace(l.name, r.traffic.size()).second) r.traffic.push_back({l.name, 0, 0});
            r.traffic[at[l.name]].predicted_bytes += l.read_bytes + l.write_bytes;
        }
    }
    for (LevelTraffic& t : r.traffic) t.claimed_bytes = claimed.count(t.name) ? claimed[t.name] : 0;
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

OtherMachine on_machine(const NamedMachine& named, const Opened& opened,
                        const SessionOptions& options) {
    OtherMachine other;
    other.file = named.file;
    try {
        const machine::Machine& m = named.machine;
        if (options.progress) options.progress("simulate on " + m.name, 0.9);
        SessionOptions plain;
        plain.dims = options.dims;
        plain.skip = options.skip;
        other.predicted = simulate_model(opened.graph, opened.feeds, plain, m, {});
    } catch (const UserError& error) {
        other.failed = error.what();
    }
    return other;
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
    r.measured = measure_in(session, feeds, wanted);
    auto tuned = session.tuned(feeds);
    r.summary.model = wanted.model;
    r.summary.opsets = tuned->unfolded.graph.opsets;
    for (const auto& node : tuned->unfolded.graph.nodes) ++r.summary.operators[node.op_name];
    add_work(tuned->unfolded, r.summary);

    machine::Machine here = machine_here({options.cache_folder, false, options.progress});
    r.levels = probed_levels(here);
    r.here = predict_here(session, feeds, options);
    r.peak_gflops = r.here.peak_gflops;
    r.memory_gb_s = r.here.memory_gb_s;
    say("timing kernels");
    r.measured.machine = r.here.machine;
    r.measured.kernels = measured_kernels(session, feeds, std::clamp(wanted.runs, 5, 20), r.here);
    r.operators = operator_times(r.summary, r.measured.kernels);
    add_totals(r);
    // Every constant once, though the program reads packed copies of some.
    r.model_compulsory_bytes = static_cast<double>(r.summary.weights_bytes) +
                               bytes_of(r.measured.inputs) + bytes_of(r.measured.outputs);

    if (request.peer) {
        say("turn by turn with ONNX Runtime");
        r.peer = compare_with_onnx_runtime(session, wanted.model, feeds, request.turns);
    } else {
        r.peer.skipped = "not asked for";
    }
    if (!r.peer.ran) r.notes.push_back("no comparison with ONNX Runtime: " + r.peer.skipped);
    const Opened opened = open_model(wanted.model, wanted.feeds, options);
    for (const NamedMachine& named : machines) {
        r.machines.push_back(on_machine(named, opened, options));
        if (!r.machines.back().failed.empty())
            r.notes.push_back(fmt::format("{}: {}", named.file, r.machines.back().failed));
    }
    return r;
}

}  // namespace smeaton::driver
