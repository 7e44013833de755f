#include "driver/place_model.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "base/error.h"
#include "driver/batch.h"
#include "driver/feeds.h"
#include "driver/model_file.h"
#include "driver/naming.h"
#include "lower/evaluate.h"
#include "model/bind_dims.h"
#include "model/blocks/blocks.h"
#include "model/rewrite/simplify.h"
#include "model/shape/infer.h"
#include "model/shape/view.h"
#include "model/unsupported.h"

namespace smeaton::driver {

namespace {

using model::Graph;
using model::Node;
using model::NodeId;
using model::OpType;
using model::ValueId;

/// Sizes that are still open, those of the sequence, get its length.
Graph with_sequence(Graph graph, int64_t sequence) {
    std::map<std::string, int64_t> sizes;
    for (const ValueId id : graph.inputs) {
        const model::Value& input = graph.at(id);
        if (!input.shape) continue;
        for (size_t axis = 0; axis < input.shape->size(); ++axis)
            if (!(*input.shape)[axis].is_const())
                sizes[input.name + ":" + std::to_string(axis)] = sequence;
    }
    if (sizes.empty()) return graph;
    if (sequence <= 0)
        throw UserError("sizes of it are open ({}): give --sequence N, or --dim NAME=VALUE",
                        sizes.begin()->first);
    const model::DimBindings bindings = model::dim_bindings(graph, sizes);
    return model::bind_dims(std::move(graph), bindings);
}

model::ShapedGraph shaped_model(const LayersRequest& request) {
    ModelFile file = read_model_file(request.model);
    Graph graph = std::move(file.graph);
    model::refuse_unsupported(graph);
    std::map<std::string, int64_t> dims = parse_dims(request.dims);
    int64_t sequence = request.sequence;
    if (file.facts) {
        if (sequence == 0) sequence = file.facts->max_positions;
        if (file.facts->max_positions > 0 && sequence > file.facts->max_positions)
            throw UserError("--sequence {}: the model takes {} at most", sequence,
                            file.facts->max_positions);
        std::vector<std::string> warnings;
        dims = with_tokens(graph, request.microbatch, sequence, std::move(dims), warnings);
    } else {
        graph = with_batch(std::move(graph), request.microbatch);
    }
    graph = model::bind_dims(graph, model::dim_bindings(graph, dims));
    graph = with_sequence(std::move(graph), sequence);
    model::ShapedGraph shaped = inferred_for_batch(std::move(graph), request.microbatch);
    model::SimplifyOptions options;
    options.skip = {"fold_affine"};  // a training step keeps its norms
    return model::simplify(std::move(shaped), lower::evaluate, options);
}

double elements_of(const Graph& graph, ValueId id) {
    double count = 1;
    for (const tensor::Dim& d : *graph.at(id).shape) {
        if (!d.is_const())
            throw UserError("value '{}': a size of it is still open: {}", graph.at(id).name,
                            d.str());
        count *= static_cast<double>(d.value());
    }
    return count;
}

bool is_constant(const Graph& graph, ValueId id) {
    return !id.valid() || graph.at(id).constant.has_value();
}

/// Bytes of floats in the precision of training; of others, their own.
double bytes_of(const Graph& graph, ValueId id, double element_bytes) {
    const tensor::DType type = *graph.at(id).dtype;
    const double each = tensor::is_float(type)         ? element_bytes
                        : type == tensor::DType::kBool ? 1
                                                       : 8;
    return each * elements_of(graph, id);
}

bool only_looks(const std::string& op) {
    static const std::set<std::string> all = {"Reshape",   "Transpose", "Flatten", "Squeeze",
                                              "Unsqueeze", "Identity",  "Cast",    "Expand",
                                              "Slice",     "Split"};
    return all.contains(op);
}

/// The longest run of layers of one kind.
void find_repeated(LayeredModel& m) {
    const auto count = static_cast<int>(m.layers.size());
    for (int from = 0; from < count;) {
        int end = from + 1;
        while (end < count &&
               m.layers[static_cast<size_t>(end)].kind == m.layers[static_cast<size_t>(from)].kind)
            ++end;
        if (end - from > m.repeated_count) m.repeated_first = from, m.repeated_count = end - from;
        from = end;
    }
}

void add_boundaries(LayeredModel& m) {
    const Graph& graph = m.shaped.graph;
    std::vector<int> made(graph.values.size(), -1), read(graph.values.size(), -1);
    auto at = [](ValueId id) { return static_cast<size_t>(id.v); };
    const auto last = static_cast<int>(m.layers.size()) - 1;
    for (int i = 0; i <= last; ++i)
        for (const NodeId n : m.layers[static_cast<size_t>(i)].nodes) {
            for (const ValueId id : graph.at(n).inputs)
                if (id.valid()) read[at(id)] = std::max(read[at(id)], i);
            for (const ValueId id : graph.at(n).outputs)
                if (id.valid()) made[at(id)] = i;
        }
    for (size_t v = 0; v < graph.values.size(); ++v) {
        if (made[v] < 0 || read[v] <= made[v] || graph.values[v].constant) continue;
        const double elements = elements_of(graph, ValueId{static_cast<int32_t>(v)});
        for (int i = made[v]; i < read[v]; ++i)
            m.layers[static_cast<size_t>(i)].boundary_elements += elements;
    }
}

}  // namespace

LayeredModel layered_model(model::ShapedGraph shaped) {
    LayeredModel m;
    m.shaped = std::move(shaped);
    const Graph& graph = m.shaped.graph;
    for (const model::Block& block : model::find_blocks(graph).blocks) {
        ModelLayer layer;
        layer.name = block.name, layer.kind = block.kind, layer.nodes = block.nodes;
        for (const ValueId id : block.parameters) layer.parameters += elements_of(graph, id);
        m.layers.push_back(std::move(layer));
    }
    if (m.layers.empty()) throw UserError("the model has no node to place");
    find_repeated(m);
    add_boundaries(m);
    return m;
}

LayeredModel layered_model(const LayersRequest& request) {
    return naming(request.model, [&] { return layered_model(shaped_model(request)); });
}

double results_bytes(const Graph& graph, const std::vector<NodeId>& nodes, double element_bytes) {
    double sum = 0;
    for (const NodeId n : nodes)
        for (const ValueId id : graph.at(n).outputs)
            if (id.valid() && !graph.at(id).constant) sum += element_bytes * elements_of(graph, id);
    return sum;
}

double kept_bytes(const Graph& graph, const std::vector<NodeId>& nodes, double element_bytes) {
    static const std::set<std::string> by_result = {"Relu",       "Sigmoid", "Tanh", "Softmax",
                                                    "LogSoftmax", "Exp",     "Sqrt", "Reciprocal"};
    static const std::set<std::string> nothing = {"Add",
                                                  "Sub",
                                                  "Neg",
                                                  "Sum",
                                                  "ReduceMean",
                                                  "ReduceSum",
                                                  "GlobalAveragePool",
                                                  "AveragePool",
                                                  "Concat",
                                                  "Pad",
                                                  "Constant",
                                                  "Shape",
                                                  "Size",
                                                  "Range",
                                                  "Tile",
                                                  "ConstantOfShape"};
    std::map<int32_t, int32_t> source;  // of what only changes shape
    std::map<int32_t, double> kept;
    auto root = [&](ValueId id) {
        const auto found = source.find(id.v);
        return ValueId{found == source.end() ? id.v : found->second};
    };
    auto keep = [&](ValueId id) {
        if (is_constant(graph, id)) return;
        const ValueId from = root(id);
        kept[from.v] = bytes_of(graph, from, element_bytes);
    };
    for (const NodeId n : nodes) {
        const Node& node = graph.at(n);
        const std::string& op = node.op_name;
        const bool one_constant = node.inputs.size() > 1 && (is_constant(graph, node.inputs[0]) ||
                                                             is_constant(graph, node.inputs[1]));
        if (only_looks(op)) {
            for (const ValueId id : node.outputs)
                if (id.valid() && !is_constant(graph, node.inputs[0]) &&
                    elements_of(graph, id) <= elements_of(graph, node.inputs[0]))
                    source[id.v] = root(node.inputs[0]).v;
        } else if (op == "Dropout") {
            kept[-n.v - 1] = elements_of(graph, node.outputs[0]);
        } else if (by_result.contains(op)) {
            keep(node.outputs[0]);
        } else if ((op == "Mul" || op == "Div") && one_constant) {
            continue;
        } else if (op == "Where") {
            keep(node.inputs[0]);
        } else if (op == "Gather") {
            keep(node.inputs[1]);
        } else if (!nothing.contains(op)) {
            for (const ValueId id : node.inputs) keep(id);
        }
    }
    return std::accumulate(kept.begin(), kept.end(), 0.0,
                           [](double sum, const auto& k) { return sum + k.second; });
}

}  // namespace smeaton::driver
