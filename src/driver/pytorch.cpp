#include "driver/pytorch.h"

#include <unistd.h>

#include <filesystem>
#include <map>

#include "base/error.h"
#include "base/output_file.h"
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

/// What an operator takes in eager PyTorch on one core: a call, and the slower of its arithmetic
/// and its traffic.
struct EagerCosts {
    double gflops = 50, gb_s = 10;
    double call_us = 3;      ///< Python and dispatch
    double message_us = 20;  ///< put, the other thread awake, get
    std::string of = "figures that are assumed (give --machine FILE for a machine's)";
};

EagerCosts costs_of(const std::string& machine_file) {
    EagerCosts costs;
    if (machine_file.empty()) return costs;
    const machine::Machine m = machine::read_machine_file(machine_file);
    const auto peak = machine::peak_gflops(m, DType::kF32);
    if (!peak) throw UserError("{}: no unit has a rate of fma in f32", machine_file);
    if (m.levels.empty() || !m.levels.back().read)
        throw UserError("{}: its outermost level has no read bandwidth", machine_file);
    costs.gflops = peak->value;
    costs.gb_s = machine::total_gb_s(*m.levels.back().read, 1).value;
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
    std::map<std::string, double> us;
    for (const model::OperatorSummary& op : model::summarize({what.graph()}).operators) {
        const auto flops = static_cast<double>(op.flops.bind(bind).value());
        const auto bytes =
            static_cast<double>((op.read_bytes + op.written_bytes).bind(bind).value());
        us[op.node] = std::max(flops / costs.gflops, bytes / costs.gb_s) * 1e-3;
    }
    for (size_t t = 0; t < tasks.tasks.size(); ++t) {
        const auto s = static_cast<size_t>(what.order()[t]);
        double sum = costs.call_us;
        for (model::NodeId n : what.tree().statements[s].nodes) sum += us[what.graph().at(n).name];
        tasks.tasks[t].durations_us = {sum};
    }
    for (schedule::Edge& e : tasks.edges) e.cost_us = costs.message_us;
}

pytorch::ClusterPlan plan_clusters(const PytorchRequest& request, const pytorch::Export& what) {
    const EagerCosts costs = costs_of(request.machine_file);
    const tensor::Bindings bind = assumed_sizes(what.graph());
    schedule::TaskGraph tasks = what.tasks(bind);
    pytorch::ClusterPlan plan;
    plan.about = {
        fmt::format("By `{}` on {} cores; {}: {:.0f} GFLOP/s, {:.0f} GB/s, {:.0f} us a call, "
                    "{:.0f} us a message.",
                    request.algorithm, request.cores, costs.of, costs.gflops, costs.gb_s,
                    costs.call_us, costs.message_us)};
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

/// A folder beside the wanted one that goes away unless all was moved out of it.
class Staging {
public:
    explicit Staging(const std::string& folder)
        : folder_(folder), draft_(fmt::format("{}.{}.part", folder, getpid())) {
        make_folder(draft_);
    }
    ~Staging() {
        std::error_code ignored;
        std::filesystem::remove_all(draft_, ignored);
    }
    std::string path(const std::string& name) const { return draft_ + "/" + name; }

    std::vector<std::string> finish(const std::vector<std::string>& names) const {
        make_folder(folder_);
        std::vector<std::string> paths;
        for (const std::string& name : names) {
            paths.push_back(folder_ + "/" + name);
            std::error_code failed;
            std::filesystem::rename(path(name), paths.back(), failed);
            if (failed) throw UserError("{}: cannot write: {}", paths.back(), failed.message());
        }
        return paths;
    }

private:
    std::string folder_, draft_;
};

}  // namespace

PytorchResult emit_pytorch(const PytorchRequest& request) {
    if (request.folder.empty())
        throw UserError("--as pytorch writes several files; give --output-dir DIR");
    if (request.cores < 1 || request.cores > schedule::kMostCores)
        throw UserError("--cores {}: expected a whole number from 1 to {}", request.cores,
                        schedule::kMostCores);
    schedule::algorithm_named(request.algorithm);
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
        pytorch::EmitOptions options;
        const std::filesystem::path file(request.model);
        options.source = file.filename().string();
        // Exporters call every graph and every file the same.
        options.title = file.stem() == "model" && file.has_parent_path()
                            ? file.parent_path().filename().string()
                            : file.stem().string();
        const pytorch::Emitted made = pytorch::emit(what, plan, options);
        const Staging staging(folder);
        std::vector<std::string> names = {"weights.safetensors"};
        pytorch::write_weights(staging.path(names[0]), what.graph(), made.tensors);
        for (const pytorch::TextFile& f : made.files) {
            write_file(staging.path(f.name), f.text);
            names.push_back(f.name);
        }
        return PytorchResult{staging.finish(names), what.graph().warnings};
    });
}

}  // namespace smeaton::driver
