#include "model/rewrite/inline_if.h"

#include <set>

#include "base/error.h"
#include "model/rewrite/edit.h"

namespace smeaton::model {

namespace {

size_t index_of(ValueId id) {
    return static_cast<size_t>(id.v);
}

class Inliner {
public:
    explicit Inliner(Graph& graph) : graph_(graph) {
        for (const Value& value : graph.values) names_.insert(value.name);
        for (const Node& node : graph.nodes) node_names_.insert(node.name);
    }

    /// Appends the nodes that stand for `node` to `out`.
    void inline_branch(const Node& node, const Graph& branch, std::vector<Node>& out) {
        std::vector<ValueId> renamed(branch.values.size());
        for (size_t i = 0; i < branch.inputs.size(); ++i) {
            renamed[index_of(branch.inputs[i])] = node.inputs[i + 1];
        }
        std::vector<bool> made(branch.values.size(), false);
        for (const Node& inner : branch.nodes) {
            for (ValueId id : inner.outputs) {
                if (id.valid()) made[index_of(id)] = true;
            }
        }
        // A result that a node of the branch makes is made under the If's name.
        for (size_t k = 0; k < node.outputs.size(); ++k) {
            const ValueId result = branch.outputs[k];
            if (node.outputs[k].valid() && made[index_of(result)] &&
                !renamed[index_of(result)].valid()) {
                renamed[index_of(result)] = node.outputs[k];
            }
        }
        for (const Node& inner : branch.nodes) out.push_back(copied(node, inner, branch, renamed));
        for (size_t k = 0; k < node.outputs.size(); ++k) {
            if (!node.outputs[k].valid()) continue;
            const ValueId from = value_of(node, branch, branch.outputs[k], renamed);
            if (from == node.outputs[k]) continue;
            Node identity;
            identity.op = OpType::kIdentity;
            identity.op_name = "Identity";
            identity.since_version = 1;
            identity.name = fresh(node.name + "/result", node_names_);
            identity.inputs = {from};
            identity.outputs = {node.outputs[k]};
            identity.origins = node.origins;
            out.push_back(std::move(identity));
        }
    }

private:
    static std::string fresh(const std::string& wanted, std::set<std::string>& taken) {
        std::string name = wanted;
        for (int n = 2; !taken.insert(name).second; ++n) name = wanted + "_" + std::to_string(n);
        return name;
    }

    ValueId value_of(const Node& node, const Graph& branch, ValueId id,
                     std::vector<ValueId>& renamed) {
        ValueId& slot = renamed[index_of(id)];
        if (slot.valid()) return slot;
        Value value = branch.at(id);
        value.name = fresh(node.name + "/" + value.name, names_);
        graph_.values.push_back(std::move(value));
        slot = {static_cast<int32_t>(graph_.values.size()) - 1};
        return slot;
    }

    Node copied(const Node& node, const Node& inner, const Graph& branch,
                std::vector<ValueId>& renamed) {
        Node copy = inner;
        copy.name = fresh(node.name + "/" + inner.name, node_names_);
        for (std::string& origin : copy.origins) origin = node.name + "/" + origin;
        for (ValueId& id : copy.inputs) {
            if (id.valid()) id = value_of(node, branch, id, renamed);
        }
        for (ValueId& id : copy.outputs) {
            if (id.valid()) id = value_of(node, branch, id, renamed);
        }
        return copy;
    }

    Graph& graph_;
    std::set<std::string> names_, node_names_;
};

}  // namespace

Rewritten inline_if(ShapedGraph shaped, const Evaluator& evaluator) {
    Graph& graph = shaped.graph;
    std::vector<Node> nodes;
    int64_t changes = 0;
    for (const Node& node : graph.nodes) {
        if (node.op == OpType::kIf && constant_input(graph, node, 0)) ++changes;
    }
    if (changes == 0) return {std::move(shaped), 0};
    Inliner inliner(graph);
    std::vector<Node> old = std::move(graph.nodes);
    for (Node& node : old) {
        const Tensor* condition = nullptr;
        if (node.op == OpType::kIf) condition = constant_input(graph, node, 0);
        if (!condition) {
            nodes.push_back(std::move(node));
            continue;
        }
        const char* key = condition->at_as_int(0) != 0 ? "then_branch" : "else_branch";
        const auto branch = std::get<GraphPtr>(node.attributes.at(key));
        inliner.inline_branch(node, *branch, nodes);
    }
    graph.nodes = std::move(nodes);
    return {infer_shapes(std::move(graph), {}, evaluator), changes};
}

}  // namespace smeaton::model
