#include "model/unsupported.h"

#include "base/error.h"

namespace smeaton::model {

namespace {

void collect(const Graph& graph, const std::string& prefix, std::vector<UnsupportedNode>& found) {
    for (const Node& node : graph.nodes) {
        if (node.op == OpType::kUnsupported)
            found.push_back({prefix + node.name, node.op_name, node.unsupported_reason});
        for (const auto& [key, attribute] : node.attributes)
            if (const auto* subgraph = std::get_if<GraphPtr>(&attribute))
                if (*subgraph != nullptr)
                    collect(**subgraph, prefix + node.name + "/" + key + "/", found);
    }
}

}  // namespace

std::vector<UnsupportedNode> unsupported(const Graph& graph) {
    std::vector<UnsupportedNode> found;
    for (const ValueId id : graph.inputs)
        if (!graph.at(id).dtype)
            found.push_back(
                {graph.at(id).name, "input", "it is not a dense tensor of a known element type"});
    collect(graph, "", found);
    return found;
}

void refuse_unsupported(const Graph& graph) {
    const std::vector<UnsupportedNode> found = unsupported(graph);
    if (found.empty()) return;
    std::string text;
    for (const UnsupportedNode& one : found)
        text += fmt::format("\n  {} ({}): {}", one.node, one.op, one.reason);
    throw UserError("{} {} not supported:{}", found.size(),
                    found.size() == 1 ? "node of the model is" : "nodes of the model are", text);
}

}  // namespace smeaton::model
