#include "driver/pytorch.h"

#include <filesystem>
#include <map>

#include "base/error.h"
#include "base/output_file.h"
#include "base/staged_folder.h"
#include "driver/eager_plan.h"
#include "driver/entry.h"
#include "driver/naming.h"
#include "driver/ports.h"
#include "driver/source.h"
#include "export/pytorch/emit.h"
#include "lower/evaluate.h"
#include "model/bind_dims.h"
#include "model/open_weights.h"
#include "model/rewrite/simplify.h"
#include "model/shape/infer.h"
#include "model/summary/summary.h"

namespace smeaton::driver {

namespace {

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

std::vector<EagerWork> work_of(const pytorch::Export& what, const tensor::Bindings& bind) {
    std::map<std::string, EagerWork> of_node;
    for (const model::OperatorSummary& op : model::summarize({what.graph()}).operators)
        of_node[op.node] = eager_work(op, bind);
    std::vector<EagerWork> work;
    for (int s : what.order()) {
        EagerWork all;
        for (model::NodeId n : what.tree().statements[static_cast<size_t>(s)].nodes)
            all.add(of_node.at(what.graph().at(n).name));
        work.push_back(all);
    }
    return work;
}

pytorch::ClusterPlan plan_clusters(const PytorchRequest& request, const pytorch::Export& what) {
    const EagerCosts costs =
        eager_costs(request.machine_file, request.cores, request.workers == "processes");
    const tensor::Bindings bind = assumed_sizes(what.graph());
    schedule::TaskGraph tasks = what.tasks(bind);
    pytorch::ClusterPlan plan;
    plan.about = {
        fmt::format("By `{}` on {} cores; {}: {:.0f} GFLOP/s and {:.0f} GB/s a core, "
                    "{:.0f} us a message.",
                    request.algorithm, request.cores, costs.of, costs.gflops[0], costs.gb_s[0],
                    costs.message_us)};
    std::string open;
    for (const auto& [name, size] : bind) open += (open.empty() ? "" : ", ") + name.str() + " = 1";
    if (!open.empty()) plan.about.push_back(fmt::format("Predicted for {}.", open));
    if (tasks.tasks.empty()) return plan;
    schedule::SolveOptions options;
    options.algorithm = schedule::algorithm_named(request.algorithm);
    options.time_limit_s = request.time_limit_s;
    const EagerPlan solved =
        plan_eager(std::move(tasks), work_of(what, bind), costs, options, request.model);
    plan.schedule = solved.schedule;
    plan.makespan_us = schedule::makespan_us(solved.schedule);
    plan.serial_us = solved.serial_us;
    plan.lower_bound_us = solved.lower_bound_us;
    plan.about.push_back(fmt::format("One after another on {} cores, as forward: {:.0f} us.",
                                     request.cores, solved.forward_us));
    plan.about.insert(plan.about.end(), solved.notes.begin(), solved.notes.end());
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
