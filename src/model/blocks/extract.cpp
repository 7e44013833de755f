#include "model/blocks/extract.h"

#include <unordered_map>

namespace smeaton::model {

Graph extract(const Graph& graph, const Block& block) {
    Graph part;
    part.name = block.name;
    part.opsets = graph.opsets;
    part.open_weights = graph.open_weights;
    std::unordered_map<int32_t, ValueId> made;
    const auto copied = [&](ValueId id) -> ValueId {
        if (!id.valid()) return id;
        const auto [at, is_new] = made.try_emplace(id.v);
        if (is_new) {
            part.values.push_back(graph.at(id));
            at->second = {static_cast<int32_t>(part.values.size()) - 1};
        }
        return at->second;
    };
    for (ValueId id : block.inputs) part.inputs.push_back(copied(id));
    for (NodeId n : block.nodes) {
        Node node = graph.at(n);
        for (ValueId& id : node.inputs) id = copied(id);
        for (ValueId& id : node.outputs) id = copied(id);
        part.nodes.push_back(std::move(node));
    }
    for (ValueId id : block.outputs) part.outputs.push_back(copied(id));
    return part;
}

}  // namespace smeaton::model
