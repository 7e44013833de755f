#include "driver/pytorch.h"

#include <filesystem>
#include <map>

#include "base/error.h"
#include "base/output_file.h"
#include "base/staged_folder.h"
#include "driver/entry.h"
#include "driver/naming.h"
#include "driver/ports.h"
#include "driver/source.h"
#include "export/pytorch/emit.h"
#include "lower/evaluate.h"
#include "machine/query.h"
#include "machine/read.h"
#include "model/bind_dims.h"
#include "model/open_weights.h"
#include "model/rewrite/simplify.h"
#include "model/shape/infer.h"
#include "model/summary/summary.h"
#include "schedule/solve.h"

namespace smeaton::driver {

namespace {

/// PyTorch leaves loops over fewer elements on one thread (at::internal::GRAIN_SIZE).
constexpr double kGrainBytes = 32768 * 4;
/// Operations per written byte that only contractions and wide windows reach.
constexpr double kContraction = 16;

/// What an operator takes in eager PyTorch: a call, and the slower of its arithmetic and its
/// traffic. Both are divided among the intra-operator threads.
struct EagerCosts {
    std::vector<double> gflops, gb_s;  ///< [k - 1]: of k cores
    double call_us = 3;                ///< Python and dispatch
    double split_us = 5;               ///< the threads of an operator begin and end together
    double message_us = 20;            ///< put, the other thread awake, get
    std::string of = "figures that are assumed (give --machine FILE for a machine's)";

    /// An operator's us on so many cores, without the call.
    double us(double flops, double read, double written, size_t cores) const {
        const bool whole = written < kGrainBytes && flops < kContraction * written;
        const size_t k = whole ? 1 : cores;
        const double longer = std::max(flops / gflops[k - 1], (read + written) / gb_s[k - 1]);
        return longer * 1e-3 + (k > 1 ? split_us : 0);
    }
};

EagerCosts costs_of(const std::string& machine_file, int cores) {
    EagerCosts costs;
    if (machine_file.empty()) {
        for (int k = 1; k <= cores; ++k) {
            costs.gflops.push_back(50.0 * k);
            costs.gb_s.push_back(10.0 * k);
        }
        return costs;
    }
    const machine::Machine m = machine::read_machine_file(machine_file);
    const auto peak = machine::peak_gflops(m, DType::kF32);
    if (!peak) throw UserError("{}: no unit has a rate of fma in f32", machine_file);
    if (m.levels.empty() || !m.levels.back().read)
        throw UserError("{}: its outermost level has no read bandwidth", machine_file);
    const double busy =
        machine::all_busy_share(m, *machine::best_unit(m, machine::OpClass::Fma, DType::kF32))
            .value;
    for (int k = 1; k <= cores; ++k) {
        costs.gflops.push_back(peak->value * k * (k > 1 ? busy : 1));
        costs.gb_s.push_back(machine::total_gb_s(*m.levels.back().read, k).value);
    }
    costs.of = m.name;
    return costs;
}

model::Inferred simplified(const PytorchRequest& request, const Opened& opened) {
    model::DimBindings bindings = model::dim_bindings(opened.graph, parse_dims(request.feeds.dims));
    for (const auto& [name, tensor] : opened.feeds) bindings.fed_shapes[name] = tensor.shape();
    const model::Graph bound = model::bind_dims(opened.graph, bindings);
    // Folding scales into weights makes other kernels faster, and the model unlike what was
    // trained.
    model::SimplifyOptions options;
    options.skip = {"fold_affine"};
    // Weights that the file computes are weights here: source that fills them each time reads
    // badly.
    options.limits.operations = int64_t{1} << 23;
    for (const std::string& pass : model::simplify_passes())
        for (const std::string& skip : request.session.skip)
            if (pass == skip) options.skip.insert(pass);
    model::ValueBindings known;
    for (;;) {
        try {
            const model::ShapedGraph shaped = model::infer_shapes(bound, known, lower::evaluate);
            model::ShapedGraph simple = model::simplify(shaped, lower::evaluate, options);
            return model::infer_values(std::move(simple.graph), known, lower::evaluate);
        } catch (const model::NeedsValue& needs) {
            const size_t before = known.size();
            for (const std::string& name : needs.inputs)
                if (opened.feeds.count(name) > 0) known[name] = opened.feeds.at(name);
            if (known.size() == before) throw UserError("{}", needs.what());
        }
    }
}

/// Sizes that plans are made for where the model leaves them open.
tensor::Bindings assumed_sizes(const model::Graph& graph) {
    tensor::Bindings bind;
    for (model::ValueId id : graph.inputs)
        for (const Dim& d : *graph.at(id).shape)
            for (Name symbol : d.symbols()) bind[symbol] = 1;
    return bind;
}

void set_costs(const pytorch::Export& what, const tensor::Bindings& bind, const EagerCosts& costs,
               schedule::TaskGraph& tasks) {
    std::map<std::string, std::vector<double>> us;
    for (const model::OperatorSummary& op : model::summarize({what.graph()}).operators) {
        auto number = [&](const Dim& d) { return static_cast<double>(d.bind(bind).value()); };
        for (size_t k = 1; k <= costs.gflops.size(); ++k)
            us[op.node].push_back(
                costs.us(number(op.flops), number(op.read_bytes), number(op.written_bytes), k));
    }
    for (size_t t = 0; t < tasks.tasks.size(); ++t) {
        const auto s = static_cast<size_t>(what.order()[t]);
        std::vector<double>& durations = tasks.tasks[t].durations_us;
        durations.assign(costs.gflops.size(), costs.call_us);
        for (model::NodeId n : what.tree().statements[s].nodes)
            for (size_t k = 0; k < durations.size(); ++k)
                durations[k] += us.at(what.graph().at(n).name)[k];
        // More cores than the fastest number are never taken.
        const auto fastest = std::min_element(durations.begin(), durations.end());
        durations.resize(static_cast<size_t>(fastest - durations.begin()) + 1);
    }
    for (schedule::Edge& e : tasks.edges) e.cost_us = costs.message_us;
}

pytorch::ClusterPlan plan_clusters(const PytorchRequest& request, const pytorch::Export& what) {
    const EagerCosts costs = costs_of(request.machine_file, request.cores);
    const tensor::Bindings bind = assumed_sizes(what.graph());
    schedule::TaskGraph tasks = what.tasks(bind);
    pytorch::ClusterPlan plan;
    plan.about = {
        fmt::format("By `{}` on {} cores; {}: {:.0f} GFLOP/s and {:.0f} GB/s a core, {:.0f} us a "
                    "call, {:.0f} us more where it is split, {:.0f} us a message.",
                    request.algorithm, request.cores, costs.of, costs.gflops[0], costs.gb_s[0],
                    costs.call_us, costs.split_us, costs.message_us)};
    std::string open;
    for (const auto& [name, size] : bind) open += (open.empty() ? "" : ", ") + name.str() + " = 1";
    if (!open.empty()) plan.about.push_back(fmt::format("Predicted for {}.", open));
    if (tasks.tasks.empty()) return plan;
    set_costs(what, bind, costs, tasks);
    schedule::SolveOptions options;
    options.algorithm = schedule::algorithm_named(request.algorithm);
    options.time_limit_s = request.time_limit_s;
    const schedule::Solution solution =
        schedule::solve(tasks, schedule::cores_of_one_kind(request.cores), options, request.model);
    plan.schedule = solution.schedule;
    plan.makespan_us = solution.makespan_us;
    plan.serial_us = solution.serial_us;
    plan.lower_bound_us = solution.lower_bound_us;
    plan.about.insert(plan.about.end(), solution.notes.begin(), solution.notes.end());
    return plan;
}

/// What options ask for, before anything is read.
pytorch::EmitOptions emit_options(const PytorchRequest& request) {
    pytorch::EmitOptions options;
    if (request.workers != "threads" && request.workers != "processes")
        throw UserError("--workers {}: expected threads or processes", request.workers);
    options.processes = request.workers == "processes";
    if (!request.train && !(request.loss.empty() && request.optimizer.empty()))
        throw UserError("--loss and --optimizer are for train.py; add --train");
    if (request.train)
        options.train = {
            model::loss_named(request.loss.empty() ? "cross-entropy" : request.loss),
            model::optimizer_named(request.optimizer.empty() ? "sgd" : request.optimizer)};
    const std::filesystem::path file(request.model);
    options.source = file.filename().string();
    // Exporters call every graph and every file the same.
    options.title = file.stem() == "model" && file.has_parent_path()
                        ? file.parent_path().filename().string()
                        : file.stem().string();
    return options;
}

}  // namespace

PytorchResult emit_pytorch(const PytorchRequest& request) {
    if (request.folder.empty())
        throw UserError("--as pytorch writes several files; give --output-dir DIR");
    if (request.cores < 1 || request.cores > schedule::kMostCores)
        throw UserError("--cores {}: expected a whole number from 1 to {}", request.cores,
                        schedule::kMostCores);
    schedule::algorithm_named(request.algorithm);
    const pytorch::EmitOptions options = emit_options(request);
    refuse_program(request.model);
    std::string folder = request.folder;
    while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
    if (std::filesystem::exists(folder) && !std::filesystem::is_directory(folder))
        throw UserError("{}: cannot write: it is no folder", folder);
    return naming(request.model, [&] {
        Opened opened;
        if (request.feeds.inputs.empty())
            opened.graph = read_model(request.model, request.session);
        else
            opened = open_model(request.model, request.feeds, request.session);
        model::require_weights(opened.graph, request.model, "writing them beside the source");
        const pytorch::Export what(simplified(request, opened));
        const pytorch::ClusterPlan plan = plan_clusters(request, what);
        const pytorch::Emitted made = pytorch::emit(what, plan, options);
        StagedFolder staging(folder);
        std::vector<std::string> names = {"weights.safetensors"};
        pytorch::write_weights(staging.path(names[0]), what.graph(), made.tensors);
        for (const pytorch::TextFile& f : made.files) {
            write_file(staging.path(f.name), f.text);
            names.push_back(f.name);
        }
        staging.finish(names);
        for (std::string& name : names) name.insert(0, folder + "/");
        return PytorchResult{names, what.graph().warnings};
    });
}

}  // namespace smeaton::driver
