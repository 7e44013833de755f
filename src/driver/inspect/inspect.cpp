#include "driver/inspect/inspect.h"

#include "base/error.h"
#include "driver/feeds.h"
#include "driver/model_file.h"
#include "driver/naming.h"
#include "driver/place/layers.h"
#include "lower/evaluate.h"
#include "model/bind_dims.h"
#include "model/blocks/blocks.h"
#include "model/rewrite/simplify.h"
#include "model/shape/infer.h"
#include "model/summary/summary.h"
#include "model/unsupported.h"

namespace smeaton::driver {

namespace {

std::vector<PortRow> port_rows(const model::Graph& graph, const std::vector<model::ValueId>& ids) {
    std::vector<PortRow> rows;
    for (model::ValueId id : ids) {
        const model::Value& v = graph.at(id);
        std::string dtype = v.dtype ? std::string(tensor::name(*v.dtype)) : "?";
        rows.push_back({v.name, dtype, v.shape.value_or(std::vector<Dim>{})});
    }
    return rows;
}

void count_operators(const model::Graph& graph, std::map<std::string, int>& counts) {
    for (const model::Node& node : graph.nodes) {
        ++counts[node.op_name];
        for (const auto& [key, attribute] : node.attributes)
            if (auto* inner = std::get_if<model::GraphPtr>(&attribute))
                count_operators(**inner, counts);
    }
}

std::vector<std::string> value_names(const model::Graph& graph,
                                     const std::vector<model::ValueId>& ids) {
    std::vector<std::string> names;
    for (model::ValueId id : ids) names.push_back(graph.at(id).name);
    return names;
}

std::string input_word(const model::RunInput& input) {
    switch (input.from) {
        case model::RunInput::From::kPrevious:
            return fmt::format("previous {}", input.output);
        case model::RunInput::From::kShared:
            return "shared";
        case model::RunInput::From::kOwn:
            break;
    }
    return "own";
}

}  // namespace

void add_blocks(const model::Graph& graph, const model::Blocks& found, InspectResult& result) {
    result.has_blocks = true;
    for (const model::Block& block : found.blocks) {
        BlockRow row{block.name,
                     block.kind,
                     {},
                     value_names(graph, block.inputs),
                     value_names(graph, block.outputs),
                     0,
                     block.reads};
        for (model::NodeId n : block.nodes) row.nodes.push_back(graph.at(n).name);
        for (model::ValueId id : block.parameters)
            row.parameters += graph.at(id).constant->elements();
        result.blocks.push_back(std::move(row));
    }
    for (const model::Run& run : found.runs) {
        RunRow row{run.first, run.count, {}};
        for (const model::RunInput& input : run.inputs) row.inputs.push_back(input_word(input));
        result.runs.push_back(std::move(row));
    }
}

void add_work(const model::ShapedGraph& shaped, InspectResult& result) {
    model::ModelSummary summary = model::summarize(shaped);
    result.parameters = summary.parameters;
    result.weights_bytes = summary.constant_bytes;
    result.flops = summary.flops;
    result.read_bytes = summary.read_bytes;
    result.written_bytes = summary.written_bytes;
    for (const model::OperatorSummary& op : summary.operators)
        result.rows.push_back({op.node, op.op, op.output, op.flops, op.read_bytes, op.written_bytes,
                               op.constant_bytes});
    result.inputs = port_rows(shaped.graph, shaped.graph.inputs);
    result.outputs = port_rows(shaped.graph, shaped.graph.outputs);
    result.warnings = shaped.graph.warnings;
}

// The graph holds f32: 4 bytes an element.
static void add_layers(const model::ShapedGraph& shaped, InspectResult& result) {
    if (!result.open_dims.empty())
        throw UserError("--layers: a size is open ({}); bind it with {}", result.open_dims[0],
                        result.bindings[0]);
    model::SimplifyOptions options;
    options.skip = {"fold_affine"};
    const ModelLayers m = model_layers(model::simplify(shaped, lower::evaluate, options));
    constexpr double kBytes = 4;
    const auto moved = [](const LayerWork& work) {
        return work.weights.bytes(kBytes) + work.read.bytes(kBytes) + work.written.bytes(kBytes);
    };
    result.has_layers = true;
    for (size_t k = 0; k < m.blocks.blocks.size(); ++k) {
        const LayerFigures& f = m.of(k);
        LayerRow row{m.blocks.blocks[k].name, m.blocks.blocks[k].kind, f.parameters};
        row.forward_flops = f.forward.flops();
        row.data_flops = f.data.flops();
        row.weight_flops = f.weights.flops();
        row.matrix_flops = f.forward.matrix_flops + f.data.matrix_flops + f.weights.matrix_flops;
        row.forward_bytes = moved(f.forward);
        row.backward_bytes = moved(f.data) + moved(f.weights);
        row.kept_bytes = f.kept.bytes(kBytes);
        row.kept_selective_bytes = f.kept_selective.bytes(kBytes);
        row.input_bytes = f.inputs.bytes(kBytes);
        row.boundary_bytes = m.boundaries[k].bytes(kBytes);
        result.layers.push_back(std::move(row));
    }
}

static InspectResult inspect_file(const InspectRequest& request) {
    InspectResult result;
    result.model = request.model;
    ModelFile file = read_model_file(request.model);
    model::Graph graph = std::move(file.graph);
    if (file.facts) {
        result.active_parameters = file.facts->active_parameters;
        result.kv_bytes_per_token = file.facts->kv_bytes_per_token();
        if (const int64_t most = file.facts->max_positions; most > 0 && request.prompt > most)
            graph.warnings.push_back(fmt::format(
                "--prompt {}: the model is made for {} positions at most", request.prompt, most));
    } else if (request.batch > 0 || request.prompt > 0) {
        throw UserError("--batch and --prompt are of a config.json; bind sizes with --dim");
    }
    result.opsets = graph.opsets;
    result.inputs = port_rows(graph, graph.inputs);
    result.outputs = port_rows(graph, graph.outputs);
    result.warnings = graph.warnings;
    count_operators(graph, result.operators);
    for (const model::UnsupportedNode& u : model::unsupported(graph))
        result.unsupported.push_back({u.node, u.op, u.reason});
    if (!result.unsupported.empty()) return result;
    auto with_blocks = [&](const model::Graph& of) {
        if (request.blocks) add_blocks(of, model::find_blocks(of), result);
    };
    const std::map<std::string, int64_t> dims =
        with_tokens(graph, request.batch, request.prompt, parse_dims(request.dims), graph.warnings);
    model::Graph bound = model::bind_dims(graph, model::dim_bindings(graph, dims));
    result.open_dims = model::unbound_dims(bound);
    for (const PortRow& port : port_rows(bound, bound.inputs))
        for (size_t axis = 0; axis < port.shape.size(); ++axis)
            if (!port.shape[axis].is_const())
                add_binding(result.bindings, port.shape[axis], port.name, axis);
    try {
        const model::ShapedGraph shaped = model::infer_shapes(bound, {}, lower::evaluate);
        add_work(shaped, result);
        if (request.layers) add_layers(shaped, result);
        if (request.blocks) with_blocks(model::simplify(shaped, lower::evaluate).graph);
    } catch (const model::NeedsValue& needs) {
        result.warnings.push_back(fmt::format("work is not counted: {}", needs.what()));
        with_blocks(bound);
    }
    if (!request.memory) return result;
    SessionOptions options;
    options.dims = dims;
    options.threads = request.threads;
    options.progress = request.progress;
    Session session(request.model, options);
    result.memory = session.memory(random_feeds(request.model, session.inputs(), dims, 0));
    result.has_memory = true;
    return result;
}

InspectResult inspect(const InspectRequest& request) {
    return naming(request.model, [&] { return inspect_file(request); });
}

}  // namespace smeaton::driver
