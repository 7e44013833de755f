#include "model/grad/reach.h"

#include "model/grad/rule.h"

namespace smeaton::model {

namespace {

size_t index_of(ValueId id) {
    return static_cast<size_t>(id.v);
}

bool is_float(const Graph& graph, ValueId id) {
    return id.valid() && graph.at(id).dtype && tensor::is_float(*graph.at(id).dtype);
}

}  // namespace

bool passes_gradient(const Graph& graph, const Node& node, size_t k,
                     const std::set<std::string>& on_batch_statistics) {
    constexpr size_t kOfBatchNormalization = 3;  // x, scale, bias
    const GradientRow& row = gradient_row(node.op);
    if (!row.stops.empty() || k >= row.operands) return false;
    if (on_batch_statistics.count(node.name) > 0 && k >= kOfBatchNormalization) return false;
    return is_float(graph, node.inputs[k]);
}

Reach reach(const Graph& graph, const std::vector<ValueId>& sources, ValueId loss,
            const std::set<std::string>& on_batch_statistics) {
    Reach r;
    r.moves.assign(graph.values.size(), false);
    r.matters.assign(graph.values.size(), false);
    for (ValueId id : sources) r.moves[index_of(id)] = true;
    r.matters[index_of(loss)] = true;
    const auto passes = [&](const Node& node, size_t k) {
        return passes_gradient(graph, node, k, on_batch_statistics);
    };
    for (const Node& node : graph.nodes) {
        bool moved = false;
        for (size_t k = 0; k < node.inputs.size() && !moved; ++k)
            moved = node.inputs[k].valid() && r.moves[index_of(node.inputs[k])] && passes(node, k);
        if (!moved) continue;
        for (ValueId id : node.outputs)
            if (is_float(graph, id)) r.moves[index_of(id)] = true;
    }
    for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
        bool matters = false;
        for (ValueId id : node->outputs) matters |= id.valid() && r.matters[index_of(id)];
        if (!matters) continue;
        for (size_t k = 0; k < node->inputs.size(); ++k)
            if (node->inputs[k].valid() && passes(*node, k))
                r.matters[index_of(node->inputs[k])] = true;
    }
    return r;
}

}  // namespace smeaton::model
