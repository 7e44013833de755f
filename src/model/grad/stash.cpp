#include "model/grad/stash.h"

#include <set>

#include "base/error.h"
#include "model/rewrite/edit.h"
#include "model/shape/known.h"

namespace smeaton::model {

int64_t stash_bytes(const Graph& graph, const std::string& loss) {
    std::vector<ValueId> root(graph.values.size());
    std::set<ValueId> forward, stashed;
    bool behind = false;
    for (const Node& node : graph.nodes) {
        for (ValueId id : node.inputs) {
            if (!id.valid()) continue;
            const ValueId viewed = root[static_cast<size_t>(id.v)];
            if (behind && viewed.valid() && forward.count(viewed) > 0) stashed.insert(viewed);
        }
        for (ValueId id : node.outputs) {
            if (!id.valid()) continue;
            const bool view = node.op == OpType::kIdentity || only_changes_shape(node.op);
            const ValueId of = view ? node.inputs[0] : id;
            root[static_cast<size_t>(id.v)] = view ? root[static_cast<size_t>(of.v)] : id;
            if (!behind && !view) forward.insert(id);
        }
        for (ValueId id : node.outputs) behind |= id.valid() && graph.at(id).name == loss;
    }
    int64_t bytes = 0;
    for (ValueId id : stashed) {
        const Value& value = graph.at(id);
        const auto shape = const_shape(*value.shape);
        SMEATON_CHECK(shape, "the shape of '{}' is not all numbers", value.name);
        bytes += tensor::byte_count(*value.dtype, element_count(*shape));
    }
    return bytes;
}

}  // namespace smeaton::model
