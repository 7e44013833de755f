#include "model/rewrite/dead_code.h"

#include <algorithm>

#include "model/rewrite/edit.h"

namespace smeaton::model {

namespace {

size_t index_of(ValueId id) {
    return static_cast<size_t>(id.v);
}

/// Outputs after the first that the operator can leave out, with the ids of the mask, indices, ...
bool has_optional_outputs(OpType op) {
    switch (op) {
        case OpType::kDropout:
        case OpType::kMaxPool:
        case OpType::kLayerNormalization:
            return true;
        default:
            return false;
    }
}

/// Drops outputs that nobody reads; gives how many.
int64_t trim_outputs(Node& node, const std::vector<bool>& live) {
    if (!has_optional_outputs(node.op)) return 0;
    int64_t dropped = 0;
    for (size_t k = 1; k < node.outputs.size(); ++k) {
        if (node.outputs[k].valid() && !live[index_of(node.outputs[k])]) {
            node.outputs[k] = {};
            ++dropped;
        }
    }
    while (node.outputs.size() > 1 && !node.outputs.back().valid()) node.outputs.pop_back();
    return dropped;
}

/// Renumbers values: only those that are used, inputs or outputs of nodes remain.
int64_t compact(Graph& graph) {
    std::vector<bool> used(graph.values.size(), false);
    auto mark = [&](const std::vector<ValueId>& ids) {
        for (ValueId id : ids) {
            if (id.valid()) used[index_of(id)] = true;
        }
    };
    mark(graph.inputs);
    mark(graph.outputs);
    for (const Node& node : graph.nodes) {
        mark(node.inputs);
        mark(node.outputs);
    }
    const auto unused = std::count(used.begin(), used.end(), false);
    if (unused == 0) return 0;
    std::vector<ValueId> renamed(graph.values.size());
    std::vector<Value> kept;
    for (size_t v = 0; v < graph.values.size(); ++v) {
        if (!used[v]) continue;
        renamed[v] = {static_cast<int32_t>(kept.size())};
        kept.push_back(std::move(graph.values[v]));
    }
    graph.values = std::move(kept);
    auto rename = [&](std::vector<ValueId>& ids) {
        for (ValueId& id : ids) {
            if (id.valid()) id = renamed[index_of(id)];
        }
    };
    rename(graph.inputs);
    rename(graph.outputs);
    for (Node& node : graph.nodes) {
        rename(node.inputs);
        rename(node.outputs);
    }
    return unused;
}

}  // namespace

Rewritten remove_dead_code(ShapedGraph shaped) {
    Graph& graph = shaped.graph;
    std::vector<bool> live(graph.values.size(), false);
    for (ValueId id : graph.outputs) live[index_of(id)] = true;
    std::vector<bool> dead(graph.nodes.size(), false);
    int64_t changes = 0;
    for (size_t n = graph.nodes.size(); n-- > 0;) {
        Node& node = graph.nodes[n];
        dead[n] = std::none_of(node.outputs.begin(), node.outputs.end(),
                               [&](ValueId id) { return id.valid() && live[index_of(id)]; });
        if (dead[n]) {
            ++changes;
            continue;
        }
        changes += trim_outputs(node, live);
        for (ValueId id : node.inputs) {
            if (id.valid()) live[index_of(id)] = true;
        }
    }
    if (changes > 0) erase_nodes(graph, dead);
    changes += compact(graph);
    return {std::move(shaped), changes};
}

}  // namespace smeaton::model
