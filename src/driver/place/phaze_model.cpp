// The nodes of a layer as PHAZE's operators.
#include <fmt/core.h>

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

/// What one of t devices has of it.
void cut_operator(const model::NodeId id, const Graph& graph, int t, const TensorCut& cut,
                  Operator& op) {
    const auto part = cut.parts.find(id);
    if (part != cut.parts.end()) {
        const size_t dim = part->second == TensorCut::Part::kRows    ? search::phaze::kN
                           : part->second == TensorCut::Part::kInner ? search::phaze::kC
                                                                     : search::phaze::kK;
        op.tensor.sizes[dim] /= t;
    }
    if (cut.split.contains(graph.at(id).outputs[0])) op.elements /= t;
}

/// Operators in the order of the nodes; who reads a value reads its maker, or the sum behind it.
class OperatorList {
public:
    OperatorList(const Graph& graph, int t, const TensorCut& cut)
        : graph_(graph), t_(t), cut_(cut) {}

    void add(const model::Node& node, Operator op, bool split) {
        for (const model::ValueId id : node.inputs)
            if (id.valid()) read(id, split, op.reads);
        std::sort(op.reads.begin(), op.reads.end());
        op.reads.erase(std::unique(op.reads.begin(), op.reads.end()), op.reads.end());
        for (const model::ValueId id : node.outputs)
            if (id.valid()) makers_[id.v] = static_cast<int>(all.size());
        all.push_back(std::move(op));
        for (const model::ValueId id : node.outputs)
            if (cut_.sums.contains(id)) sum(id, &Operator::forward_sent_bytes, makers_);
    }
    std::vector<Operator> all;

private:
    void read(model::ValueId id, bool split, std::vector<int>& reads) {
        if (split && cut_.gradients.contains(id)) {
            if (!summed_.contains(id.v)) sum(id, &Operator::backward_sent_bytes, summed_);
            reads.push_back(summed_.at(id.v));
            return;
        }
        const auto found = makers_.find(id.v);
        if (found != makers_.end()) reads.push_back(found->second);
    }
    /// A ring over the devices: each sends all but a t-th, twice.
    void sum(model::ValueId id, double Operator::*sent, std::map<int32_t, int>& places) {
        const model::Value& value = graph_.at(id);
        Operator op;
        op.name = "sum " + value.name;
        op.engine = Engine::kVector, op.role = Role::kOther;
        op.*sent =
            2.0 * (t_ - 1) / t_ * kElementBytes * static_cast<double>(elements_of(graph_, id));
        const auto maker = makers_.find(id.v);
        if (maker != makers_.end()) op.reads = {maker->second};
        places[id.v] = static_cast<int>(all.size());
        all.push_back(std::move(op));
    }

    const Graph& graph_;
    int t_;
    const TensorCut& cut_;
    std::map<int32_t, int> makers_, summed_;  // of values, to places in `all`
};

bool is_split(const model::Node& node, model::NodeId id, const TensorCut& cut) {
    return cut.parts.contains(id) ||
           std::any_of(node.outputs.begin(), node.outputs.end(),
                       [&](model::ValueId v) { return v.valid() && cut.split.contains(v); });
}

}  // namespace

std::vector<Operator> phaze_operators(const Graph& graph, const std::vector<model::NodeId>& nodes,
                                      const Rules& rules, int t, const TensorCut& cut) {
    OperatorList list(graph, t, cut);
    for (const model::NodeId n : nodes) {
        const model::Node& node = graph.at(n);
        if (!node.outputs[0].valid() || graph.at(node.outputs[0]).constant) continue;
        Operator op = operator_of(NodeView(graph, node), rules);
        cut_operator(n, graph, t, cut, op);
        list.add(node, std::move(op), is_split(node, n, cut));
    }
    return list.all;
}

namespace {

search::phaze::LayerKind kind_of(const Graph& graph, const ModelLayer& layer, const TensorCut& cut,
                                 const WorkRequest& request) {
    const double t = request.t;
    search::phaze::LayerKind kind;
    kind.name = layer.name;
    kind.tensor_parallel = cut.any();
    kind.operators =
        search::phaze::fused(phaze_operators(graph, layer.nodes, request.rules, request.t, cut));
    kind.parameters = layer.parameters - cut.split_parameters * (1 - 1 / t);
    kind.parameter_bytes = kElementBytes * kind.parameters;
    kind.held_bytes = (request.adam ? kAdamBytes : kSgdBytes) * kind.parameters;
    const double kept = request.rules.has(7) ? results_bytes(graph, layer.nodes, kElementBytes)
                                             : layer.kept.bytes(kElementBytes);
    const double whole = cut.any() ? std::min(kept, kElementBytes * cut.whole_kept) : kept;
    kind.activation_bytes = whole + (kept - whole) / t;
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
    work.t = request.t;
    const std::vector<ModelLayer> layers =
        request.rules.has(4) ? with_tail_in_layers(model) : model.layers;
    std::map<int, int> kinds;  // of blocks, to places in the work
    std::string why = "it has no product with a weight";
    const std::vector<bool> moved = moved_by(model.graph(), model.graph().inputs);
    for (const ModelLayer& layer : layers) {
        const auto [found, made] = kinds.emplace(layer.kind, static_cast<int>(work.kinds.size()));
        if (made) {
            TensorCut cut;
            if (request.t > 1) cut = tensor_cut(model.graph(), layer.nodes, moved, request.t);
            if (!cut.why.empty()) why = cut.why;
            work.kinds.push_back(kind_of(model.graph(), layer, cut, request));
        }
        work.layers.push_back(found->second);
        work.boundary_bytes.push_back(layer.boundary.bytes(kElementBytes));
    }
    work.boundary_bytes.pop_back();
    if (request.t > 1 && std::none_of(work.kinds.begin(), work.kinds.end(),
                                      [](const auto& kind) { return kind.tensor_parallel; }))
        work.why_whole = why;
    if (request.rules.has(4)) return work;  // layers are others than those of the figures
    for (const SharedWeights& s : model.figures.shared) {
        // Where only some of them are split, what the split ones hold is taken for the shared part.
        const bool split = std::any_of(s.layers.begin(), s.layers.end(), [&](size_t i) {
            return work.kinds[static_cast<size_t>(work.layers[i])].tensor_parallel;
        });
        const double parameters = static_cast<double>(s.parameters) / (split ? request.t : 1);
        work.shared.push_back({{s.layers.begin(), s.layers.end()},
                               kElementBytes * parameters,
                               (request.adam ? kAdamBytes : kSgdBytes) * parameters});
    }
    return work;
}

std::vector<search::phaze::Work> phaze_works(const std::string& name, const LayeredModel& model,
                                             int microbatch, WorkRequest request,
                                             const std::vector<int>& widths, bool asked,
                                             std::vector<std::string>& notes) {
    std::vector<search::phaze::Work> works;
    std::string left_out;
    for (const int t : widths) {
        request.t = t;
        search::phaze::Work work = phaze_work(name, model, microbatch, request);
        if (work.why_whole.empty()) {
            works.push_back(std::move(work));
            continue;
        }
        const std::string why =
            fmt::format("no layer can be cut over t = {} devices: {}", t, work.why_whole);
        if (asked) throw UserError("{}: {}", name, why);
        if (left_out.empty()) left_out = why;
    }
    if (!left_out.empty() && std::find(notes.begin(), notes.end(), left_out) == notes.end())
        notes.push_back(left_out);
    return works;
}

std::vector<int> phaze_widths(int devices) {
    std::vector<int> widths;
    for (const int t : {1, 2, 4, 8})
        if (t <= devices) widths.push_back(t);
    return widths;
}

}  // namespace smeaton::driver
