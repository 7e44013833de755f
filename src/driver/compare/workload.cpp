#include "driver/compare/workload.h"

#include <algorithm>
#include <map>
#include <set>

#include "driver/batch.h"
#include "driver/feeds.h"
#include "driver/graph_memory.h"
#include "driver/model_file.h"
#include "driver/naming.h"
#include "driver/operator_kind.h"
#include "lower/evaluate.h"
#include "model/bind_dims.h"
#include "model/shape/infer.h"
#include "model/summary/summary.h"
#include "model/unsupported.h"

namespace smeaton::driver {

namespace {

using compare::Workload;
using cost::OperatorWork;
using model::Graph;
using model::Node;
using model::OpType;
using model::ValueId;

/// Who makes each value; null for inputs and constants.
std::vector<const Node*> makers_of(const Graph& graph) {
    std::vector<const Node*> makers(graph.values.size(), nullptr);
    for (const Node& node : graph.nodes)
        for (ValueId id : node.outputs)
            if (id.valid()) makers[static_cast<size_t>(id.v)] = &node;
    return makers;
}

/// Operators that hand a weight on as it is, or a part of it.
bool hands_on(OpType op) {
    switch (op) {
        case OpType::kTranspose:
        case OpType::kReshape:
        case OpType::kSlice:
        case OpType::kSplit:
        case OpType::kCast:
        case OpType::kUnsqueeze:
        case OpType::kSqueeze:
        case OpType::kIdentity:
            return true;
        default:
            return false;
    }
}

/// The weight behind a value; an invalid id where it depends on inputs.
ValueId weight_behind(const Graph& graph, const std::vector<const Node*>& makers, ValueId id) {
    while (id.valid() && !graph.at(id).constant) {
        const Node* maker = makers[static_cast<size_t>(id.v)];
        if (!maker || !hands_on(maker->op)) return {};
        id = maker->inputs[0];
    }
    return id;
}

bool is_product(OpType op) {
    return op == OpType::kMatMul || op == OpType::kGemm;
}

/// One product of tokens with a weight.
compare::Product product_of(const std::vector<int64_t>& shape, bool rows_first,
                            const model::hf::Facts& facts) {
    compare::Product p;
    const size_t rank = shape.size();
    p.depth = static_cast<double>(shape[rank - 2]);
    p.columns = static_cast<double>(shape[rank - 1]);
    if (rows_first) std::swap(p.depth, p.columns);
    if (rank == 3) {
        p.experts = static_cast<double>(shape[0]);
        p.active = static_cast<double>(std::max<int64_t>(1, facts.experts_per_token));
    }
    return p;
}

bool same_shape(const compare::Product& a, const compare::Product& b) {
    return a.depth == b.depth && a.columns == b.columns && a.experts == b.experts &&
           a.active == b.active && a.head == b.head && a.wide == b.wide;
}

/// Products of the graph, each weight once, those of one shape together.
std::vector<compare::Product> products_of(const Graph& graph, const model::hf::Facts& facts) {
    const auto makers = makers_of(graph);
    std::set<ValueId> seen, results;
    for (ValueId id : graph.outputs) {
        // A head's result may go through a bias or a cast to the output.
        const Node* maker = makers[static_cast<size_t>(id.v)];
        results.insert(id);
        if (maker && !is_product(maker->op))
            for (ValueId in : maker->inputs) results.insert(in);
    }
    std::vector<compare::Product> all;
    for (const Node& node : graph.nodes) {
        if (!is_product(node.op)) continue;
        const ValueId operand = node.inputs[1];
        const ValueId weight = weight_behind(graph, makers, operand);
        if (!weight.valid() || !seen.insert(weight).second) continue;
        const auto& shape = graph.at(weight).constant->shape();
        if (shape.size() < 2) continue;
        const Node* maker = makers[static_cast<size_t>(operand.v)];
        const bool turned = (maker && maker->op == OpType::kTranspose) ||
                            (node.op == OpType::kGemm && attribute_int(node, "transB", 0) != 0);
        compare::Product p = product_of(shape, turned, facts);
        p.wide = !facts.is_converted(graph.at(weight).name);
        p.head =
            results.contains(node.outputs[0]) && p.columns == static_cast<double>(facts.vocabulary);
        const auto found = std::find_if(all.begin(), all.end(), [&](const compare::Product& other) {
            return same_shape(p, other);
        });
        if (found == all.end())
            all.push_back(p);
        else
            found->times += 1;
    }
    return all;
}

double number_of(const tensor::Dim& dim) {
    return dim.is_const() ? static_cast<double>(dim.value()) : 0;
}

/// FLOPs of the graph for one prompt, as `inspect` counts them.
double prompt_flops(const Graph& graph, int prompt) {
    std::vector<std::string> warnings;
    const auto dims = with_tokens(graph, 1, prompt, {}, warnings);
    const Graph bound = model::bind_dims(graph, model::dim_bindings(graph, dims));
    return number_of(model::summarize(model::infer_shapes(bound, {}, lower::evaluate)).flops);
}

std::vector<std::string> operator_names(const Graph& graph) {
    std::set<std::string> names;
    for (const Node& node : graph.nodes) names.insert(node.op_name);
    return {names.begin(), names.end()};
}

Workload decoder_workload(const ModelFile& file, const WorkloadRequest& request) {
    const std::string& path = request.model;
    const model::hf::Facts& f = *file.facts;
    Workload w;
    w.model = path;
    w.is_decoder = true;
    w.format = "fp16";
    w.parameters = static_cast<double>(f.parameters);
    w.active_parameters = static_cast<double>(f.active_parameters);
    compare::Decoder& d = w.decoder;
    d.products = products_of(file.graph, f);
    d.attention_width = static_cast<double>(f.attention_width);
    d.kv_elements = static_cast<double>(f.kv_elements_per_token);
    d.layers = static_cast<double>(f.layers);
    d.width = static_cast<double>(f.width);
    d.heads = static_cast<double>(f.heads);
    d.kv_heads = static_cast<double>(f.kv_heads);
    d.feed_forward = static_cast<double>(f.feed_forward);
    d.vocabulary = static_cast<double>(f.vocabulary);
    d.wide_parameters = static_cast<double>(f.not_converted_parameters);
    d.max_positions = f.max_positions;
    d.window = f.window;
    d.window_layers = static_cast<double>(f.window_layers);
    w.model_type = f.model_type;
    w.quantised = f.quantised;
    w.op_names = operator_names(file.graph);
    if (request.prompt > 0) d.prompt_flops = prompt_flops(file.graph, request.prompt);
    return w;
}

/// Operators that engines do in the place of what made their operand: what is left of them is no
/// kernel of its own. By node.
std::vector<bool> joined(const Graph& graph) {
    const auto makers = makers_of(graph);
    std::vector<int> uses(graph.values.size(), 0);
    for (const Node& node : graph.nodes)
        for (ValueId id : node.inputs)
            if (id.valid()) ++uses[static_cast<size_t>(id.v)];
    std::map<const Node*, bool> ends_in_product;
    std::vector<bool> out;
    for (const Node& node : graph.nodes) {
        const model::OpFamily f = family(node.op);
        const bool follows = f == model::OpFamily::Elementwise ||
                             node.op == OpType::kBatchNormalization || hands_on(node.op);
        bool fused = f == model::OpFamily::Shape || node.op == OpType::kConstant;
        for (ValueId id : node.inputs) {
            if (!follows || !id.valid() || uses[static_cast<size_t>(id.v)] != 1) continue;
            const Node* maker = makers[static_cast<size_t>(id.v)];
            if (maker && (family(maker->op) == model::OpFamily::Conv || is_product(maker->op) ||
                          ends_in_product[maker]))
                fused = ends_in_product[&node] = true;
        }
        out.push_back(fused);
    }
    return out;
}

void add_operators(const model::ShapedGraph& shaped, Workload& w) {
    const model::ModelSummary summary = model::summarize(shaped);
    w.parameters = w.active_parameters = static_cast<double>(summary.parameters);
    w.weight_bytes = static_cast<double>(summary.constant_bytes);
    w.flops = number_of(summary.flops);
    w.bytes = number_of(summary.read_bytes) + number_of(summary.written_bytes);
    w.live_bytes = static_cast<double>(graph_max_live_bytes(shaped));
    const std::vector<bool> fused = joined(shaped.graph);
    for (size_t i = 0; i < shaped.graph.nodes.size(); ++i) {
        const Node& node = shaped.graph.nodes[i];
        const model::OperatorSummary& s = summary.operators[i];
        if (fused[i]) continue;
        OperatorWork op;
        op.name = s.node;
        op.kind = operator_kind(node);
        op.flops = number_of(s.flops);
        op.weight_bytes = number_of(s.constant_bytes);
        op.activation_bytes =
            number_of(s.read_bytes) + number_of(s.written_bytes) - op.weight_bytes;
        op.rows = operator_rows(shaped.graph, node);
        w.operators.push_back(op);
    }
    w.op_names = operator_names(shaped.graph);
}

Workload graph_workload(ModelFile file, const WorkloadRequest& request) {
    Workload w;
    w.model = request.model;
    w.format = "fp32";
    for (const model::UnsupportedNode& u : model::unsupported(file.graph))
        throw UserError("node {} ({}): {}", u.node, u.op, u.reason);
    if (request.batch > 0) file.graph = with_batch(std::move(file.graph), request.batch);
    const Graph bound =
        model::bind_dims(file.graph, model::dim_bindings(file.graph, parse_dims(request.dims)));
    if (const auto open = model::unbound_dims(bound); !open.empty())
        throw UserError("size '{}' is open; give it with --dim {}=VALUE or --batch", open[0],
                        open[0]);
    add_operators(model::infer_shapes(bound, {}, lower::evaluate), w);
    for (ValueId id : bound.inputs)
        if (const auto& shape = bound.at(id).shape; shape && shape->size() > 1) {
            w.batch = std::max(1.0, number_of((*shape)[0]));
            break;
        }
    for (const model::Value& value : bound.values)
        if (value.constant && value.constant->dtype() == tensor::DType::kF16) w.format = "fp16";
    return w;
}

}  // namespace

Workload workload_of(const WorkloadRequest& request) {
    return naming(request.model, [&] {
        ModelFile file = read_model_file(request.model);
        const bool decoder = file.facts && file.facts->decoder && file.graph.inputs.size() == 1;
        if (decoder) return decoder_workload(file, request);
        const std::string kind = file.facts ? file.facts->model_type : "";
        Workload w = graph_workload(std::move(file), request);
        w.model_type = kind;
        return w;
    });
}

}  // namespace smeaton::driver
