// The nodes of a layer as PHAZE's operators.
#include <algorithm>
#include <map>

#include "base/error.h"
#include "driver/place/model.h"
#include "model/shape/view.h"
#include "model/shape/window.h"

namespace smeaton::driver {

namespace {

using model::Graph;
using model::NodeView;
using model::OpType;
using search::phaze::Engine;
using search::phaze::Operator;
using search::phaze::Role;
using search::phaze::Rules;
using search::phaze::TensorOperator;

constexpr double kElementBytes = 2;
// Bytes of a parameter while it is trained in mixed precision: weight and gradient of 2, a copy of
// 4; Adam's two moments of 4 besides.
constexpr double kSgdBytes = 8, kAdamBytes = 16;

std::vector<int64_t> sizes(const NodeView& view, const std::vector<tensor::Dim>& shape) {
    std::vector<int64_t> out;
    for (const tensor::Dim& d : shape) {
        if (!d.is_const()) view.fail("a size of it is still open: {}", d.str());
        out.push_back(d.value());
    }
    return out;
}

double product(const std::vector<int64_t>& of) {
    double all = 1;
    for (const int64_t v : of) all *= static_cast<double>(v);
    return all;
}

TensorOperator matmul(const NodeView& view, const std::vector<int64_t>& result,
                      const Rules& rules) {
    std::vector<int64_t> a = sizes(view, view.shape(0)), b = sizes(view, view.shape(1));
    if (a.size() == 1) a.insert(a.begin(), 1);
    if (b.size() == 1) b.push_back(1);
    const int64_t inner = a.back(), columns = b.back();
    const auto all = static_cast<int64_t>(product(result));
    int64_t rows = all / std::max<int64_t>(1, columns);
    const bool weight = view.graph().at(view.node().inputs[1]).constant.has_value();
    // Defect 2: all but the last leading dim are sliced off.
    if (weight && rules.has(2) && a.size() > 2) rows = a[a.size() - 2];
    // Defect 11: the inner size of a batched product is read from the wrong side.
    const int64_t of_inner = !weight && rules.has(11) && a.size() > 2 ? columns : inner;
    return {{rows, of_inner, columns, 1, 1, 1, 1}};
}

TensorOperator gemm(const NodeView& view, const std::vector<int64_t>& result) {
    const std::vector<int64_t> a = sizes(view, view.shape(0));
    return {{result[0], a[view.attr("transA", 0) != 0 ? 0 : 1], result[1], 1, 1, 1, 1}};
}

/// A convolution; groups one after another, as columns of a product.
TensorOperator convolution(const NodeView& view, const std::vector<int64_t>& result) {
    const std::vector<int64_t> w = sizes(view, view.shape(1));
    auto at = [](const std::vector<int64_t>& v, size_t i) { return i < v.size() ? v[i] : 1; };
    return {{result[0], w[1], result[1], at(w, 2), at(w, 3), at(result, 2), at(result, 3)}};
}

Operator vector_operator(const NodeView& view, const std::vector<int64_t>& result) {
    const model::Node& node = view.node();
    const search::phaze::VectorRow* row = search::phaze::vector_row(node.op_name);
    if (!row)
        throw UserError(
            "node '{}' ({}): PHAZE's tables have no such operator; it prices contractions, "
            "convolutions and the vector operators of docs/phaze.md",
            node.name, node.op_name);
    Operator op;
    op.engine = row->engine, op.role = row->role;
    op.forward_cycles = row->forward, op.backward_cycles = row->backward;
    op.elements = product(result);
    if (row->role == Role::kReduction && view.has(0))
        op.elements = std::max(op.elements, product(sizes(view, view.shape(0))));
    return op;
}

Operator operator_of(const NodeView& view, const Rules& rules) {
    const model::Node& node = view.node();
    const Graph& graph = view.graph();
    const std::vector<int64_t> result = sizes(view, *graph.at(node.outputs[0]).shape);
    Operator op;
    op.engine = Engine::kTensor, op.role = Role::kTensor;
    if (node.op == OpType::kMatMul)
        op.tensor = matmul(view, result, rules);
    else if (node.op == OpType::kGemm)
        op.tensor = gemm(view, result);
    else if (node.op == OpType::kConv)
        op.tensor = convolution(view, result);
    else
        op = vector_operator(view, result);
    // What counts sizes and indices is no work.
    if (op.engine == Engine::kVector && !tensor::is_float(*graph.at(node.outputs[0]).dtype))
        op.engine = Engine::kFree;
    op.name = node.name;
    return op;
}

}  // namespace

std::vector<Operator> phaze_operators(const Graph& graph, const std::vector<model::NodeId>& nodes,
                                      const Rules& rules) {
    std::vector<Operator> all;
    std::map<int32_t, int> maker;
    for (const model::NodeId n : nodes) {
        const model::Node& node = graph.at(n);
        if (!node.outputs[0].valid() || graph.at(node.outputs[0]).constant) continue;
        Operator op = operator_of(NodeView(graph, node), rules);
        for (const model::ValueId id : node.inputs) {
            const auto found = maker.find(id.v);
            if (id.valid() && found != maker.end()) op.reads.push_back(found->second);
        }
        std::sort(op.reads.begin(), op.reads.end());
        op.reads.erase(std::unique(op.reads.begin(), op.reads.end()), op.reads.end());
        for (const model::ValueId id : node.outputs)
            if (id.valid()) maker[id.v] = static_cast<int>(all.size());
        all.push_back(std::move(op));
    }
    return all;
}

namespace {

search::phaze::LayerKind kind_of(const Graph& graph, const ModelLayer& layer,
                                 const WorkRequest& request) {
    search::phaze::LayerKind kind;
    kind.name = layer.name;
    kind.operators = search::phaze::fused(phaze_operators(graph, layer.nodes, request.rules));
    kind.parameters = layer.parameters;
    kind.parameter_bytes = kElementBytes * layer.parameters;
    kind.held_bytes = (request.adam ? kAdamBytes : kSgdBytes) * layer.parameters;
    kind.activation_bytes = request.rules.has(7) ? results_bytes(graph, layer.nodes, kElementBytes)
                                                 : layer.kept.bytes(kElementBytes);
    return kind;
}

/// Defect 4: what stands behind the repeated layers belongs to each of them.
std::vector<ModelLayer> with_tail_in_layers(const LayeredModel& model) {
    std::vector<ModelLayer> layers = model.layers;
    const int end = model.repeated_first + model.repeated_count;
    if (model.repeated_count < 2 || end == static_cast<int>(layers.size())) return layers;
    ModelLayer& first = layers[static_cast<size_t>(model.repeated_first)];
    for (size_t i = static_cast<size_t>(end); i < layers.size(); ++i) {
        first.nodes.insert(first.nodes.end(), layers[i].nodes.begin(), layers[i].nodes.end());
        first.parameters += layers[i].parameters;
        first.kept += layers[i].kept;
    }
    layers.resize(static_cast<size_t>(end));
    for (int i = model.repeated_first; i < end; ++i) {
        const Amount boundary = layers[static_cast<size_t>(i)].boundary;
        layers[static_cast<size_t>(i)] = layers[static_cast<size_t>(model.repeated_first)];
        layers[static_cast<size_t>(i)].boundary = boundary;
    }
    return layers;
}

}  // namespace

search::phaze::Work phaze_work(const std::string& name, const LayeredModel& model, int microbatch,
                               const WorkRequest& request) {
    if (request.batch % microbatch != 0)
        throw UserError("{}: a batch of {} is no whole number of microbatches of {}", name,
                        request.batch, microbatch);
    search::phaze::Work work;
    work.model = name, work.microbatch = microbatch, work.batch = request.batch;
    const std::vector<ModelLayer> layers =
        request.rules.has(4) ? with_tail_in_layers(model) : model.layers;
    std::map<int, int> kinds;  // of blocks, to places in the work
    for (const ModelLayer& layer : layers) {
        const auto [found, made] = kinds.emplace(layer.kind, static_cast<int>(work.kinds.size()));
        if (made) work.kinds.push_back(kind_of(model.graph(), layer, request));
        work.layers.push_back(found->second);
        work.boundary_bytes.push_back(layer.boundary.bytes(kElementBytes));
    }
    work.boundary_bytes.pop_back();
    if (request.rules.has(4)) return work;  // layers are others than those of the figures
    for (const SharedWeights& s : model.figures.shared) {
        const auto parameters = static_cast<double>(s.parameters);
        work.shared.push_back({{s.layers.begin(), s.layers.end()},
                               kElementBytes * parameters,
                               (request.adam ? kAdamBytes : kSgdBytes) * parameters});
    }
    return work;
}

}  // namespace smeaton::driver
