#include "driver/graph_memory.h"

#include <map>
#include <vector>

#include "gir/memory/arena.h"

namespace smeaton::driver {

int64_t graph_max_live_bytes(const model::ShapedGraph& shaped) {
    const model::Graph& graph = shaped.graph;
    std::map<model::ValueId, gir::LiveRange> ranges;
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
        int at = static_cast<int>(i);
        for (model::ValueId id : graph.nodes[i].outputs) {
            if (!id.valid() || graph.at(id).constant) continue;
            int64_t elements = 1;
            for (const tensor::Dim& d : *graph.at(id).shape) elements *= d.value();
            ranges[id] = {tensor::byte_count(*graph.at(id).dtype, elements), at, at};
        }
        for (model::ValueId id : graph.nodes[i].inputs)
            if (auto found = ranges.find(id); found != ranges.end()) found->second.last = at;
    }
    for (model::ValueId id : graph.outputs) ranges.erase(id);
    std::vector<gir::LiveRange> all;
    for (const auto& [id, range] : ranges) all.push_back(range);
    return gir::max_live_bytes(all);
}

}  // namespace smeaton::driver
