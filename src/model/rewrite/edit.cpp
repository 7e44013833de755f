#include "model/rewrite/edit.h"

#include <algorithm>
#include <set>

#include "base/error.h"

namespace smeaton::model {

namespace {

size_t index_of(ValueId id) {
    return static_cast<size_t>(id.v);
}

template <class Taken>
std::string fresh(const std::string& wanted, Taken&& taken) {
    std::string name = wanted;
    for (int n = 2; taken(name); ++n) name = wanted + "_" + std::to_string(n);
    return name;
}

}  // namespace

std::vector<int32_t> producers_of(const Graph& graph) {
    std::vector<int32_t> producers(graph.values.size(), -1);
    for (size_t n = 0; n < graph.nodes.size(); ++n) {
        for (ValueId id : graph.nodes[n].outputs) {
            if (id.valid()) producers[index_of(id)] = static_cast<int32_t>(n);
        }
    }
    return producers;
}

std::vector<int32_t> use_counts(const Graph& graph) {
    std::vector<int32_t> counts(graph.values.size(), 0);
    for (const Node& node : graph.nodes) {
        for (ValueId id : node.inputs) {
            if (id.valid()) ++counts[index_of(id)];
        }
    }
    for (ValueId id : graph.outputs) ++counts[index_of(id)];
    return counts;
}

bool is_graph_output(const Graph& graph, ValueId id) {
    return std::find(graph.outputs.begin(), graph.outputs.end(), id) != graph.outputs.end();
}

bool only_changes_shape(OpType op) {
    return op == OpType::kReshape || op == OpType::kSqueeze || op == OpType::kUnsqueeze ||
           op == OpType::kFlatten;
}

void Substitution::replace(ValueId from, ValueId to) {
    to = find(to);
    SMEATON_CHECK(from != to, "a value cannot be replaced by itself");
    to_[index_of(from)] = to;
    any_ = true;
}

ValueId Substitution::find(ValueId id) const {
    while (id.valid() && index_of(id) < to_.size() && to_[index_of(id)].valid()) {
        id = to_[index_of(id)];
    }
    return id;
}

void Substitution::apply(Graph& graph) const {
    if (!any_) return;
    for (Node& node : graph.nodes) {
        for (ValueId& id : node.inputs) id = find(id);
    }
    for (ValueId& id : graph.outputs) id = find(id);
}

void erase_nodes(Graph& graph, const std::vector<bool>& erased) {
    std::vector<Node> kept;
    kept.reserve(graph.nodes.size());
    for (size_t n = 0; n < graph.nodes.size(); ++n) {
        if (!erased[n]) kept.push_back(std::move(graph.nodes[n]));
    }
    graph.nodes = std::move(kept);
}

ValueId add_value(Graph& graph, const std::string& wanted, DType dtype, std::vector<Dim> shape) {
    Value value;
    value.name = fresh(wanted, [&](const std::string& name) {
        return std::any_of(graph.values.begin(), graph.values.end(),
                           [&](const Value& v) { return v.name == name; });
    });
    value.dtype = dtype;
    value.shape = std::move(shape);
    graph.values.push_back(std::move(value));
    return {static_cast<int32_t>(graph.values.size()) - 1};
}

ValueId add_constant(Graph& graph, const std::string& wanted, Tensor tensor) {
    const ValueId id =
        add_value(graph, wanted, tensor.dtype(), {tensor.shape().begin(), tensor.shape().end()});
    graph.at(id).constant = std::move(tensor);
    return id;
}

void absorb_origins(Node& into, const Node& from) {
    if (into.origins.empty()) into.origins.push_back(into.name);
    const std::vector<std::string> own = {from.name};
    for (const std::string& origin : from.origins.empty() ? own : from.origins) {
        if (std::find(into.origins.begin(), into.origins.end(), origin) == into.origins.end()) {
            into.origins.push_back(origin);
        }
    }
}

std::string fresh_node_name(const Graph& graph, const std::string& wanted) {
    return fresh(wanted, [&](const std::string& name) {
        return std::any_of(graph.nodes.begin(), graph.nodes.end(),
                           [&](const Node& node) { return node.name == name; });
    });
}

bool const_dims(const Value& value, std::vector<int64_t>& shape) {
    shape.clear();
    if (!value.shape) return false;
    for (const Dim& d : *value.shape) {
        if (!d.is_const()) return false;
        shape.push_back(d.value());
    }
    return true;
}

}  // namespace smeaton::model
