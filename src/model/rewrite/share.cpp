#include "model/rewrite/share.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "model/rewrite/edit.h"
#include "tensor/open.h"

namespace smeaton::model {

namespace {

/// A few bytes from all over a tensor, with its dtype and shape: equal tensors have equal keys, and
/// large weights that differ nearly always differ here.
std::string sample_key(const Tensor& tensor) {
    std::string key = fmt::format("{}", static_cast<int>(tensor.dtype()));
    for (int64_t d : tensor.shape()) key += fmt::format(",{}", d);
    const int64_t bytes = tensor.bytes();
    const int64_t step = std::max<int64_t>(1, bytes / 16);
    const auto* data = reinterpret_cast<const char*>(tensor.data());
    for (int64_t i = 0; i < bytes; i += step) key += data[i];
    return key;
}

class Constants {
public:
    /// The first value that was given with an equal constant; `id` itself when there is none.
    ValueId first_equal(const Graph& graph, ValueId id) {
        const Tensor& tensor = *graph.at(id).constant;
        if (tensor.dtype() == DType::kString || tensor::is_open(tensor)) return id;
        std::vector<ValueId>& alike = seen_[sample_key(tensor)];
        for (ValueId other : alike) {
            if (tensor::same(*graph.at(other).constant, tensor)) return other;
        }
        alike.push_back(id);
        return id;
    }

private:
    std::map<std::string, std::vector<ValueId>> seen_;
};

std::string attribute_key(const Attribute& attribute) {
    return std::visit(
        [](const auto& value) -> std::string {
            using T = std::decay_t<decltype(value)>;
            if constexpr (std::is_same_v<T, int64_t> || std::is_same_v<T, double>) {
                return fmt::format("{}", value);
            } else if constexpr (std::is_same_v<T, std::string>) {
                return fmt::format("{}:{}", value.size(), value);
            } else if constexpr (std::is_same_v<T, Tensor>) {
                return fmt::format("tensor {:x}", tensor::content_hash(value));
            } else if constexpr (std::is_same_v<T, GraphPtr>) {
                return fmt::format("graph {}", static_cast<const void*>(value.get()));
            } else {
                std::string text;
                for (const auto& element : value) text += fmt::format("{},", element);
                return text;
            }
        },
        attribute);
}

std::string node_key(const Node& node) {
    std::string key = fmt::format("{}/{}", node.op_name, node.since_version);
    for (ValueId id : node.inputs) key += fmt::format(" {}", id.v);
    for (ValueId id : node.outputs) key += id.valid() ? " o" : " _";
    for (const auto& [name, attribute] : node.attributes) {
        key += fmt::format(" {}#{}={}", name, attribute.index(), attribute_key(attribute));
    }
    return key;
}

bool has_subgraph(const Node& node) {
    return std::any_of(node.attributes.begin(), node.attributes.end(), [](const auto& entry) {
        return std::holds_alternative<GraphPtr>(entry.second);
    });
}

}  // namespace

Rewritten share_common(ShapedGraph shaped) {
    Graph& graph = shaped.graph;
    Substitution substitution(graph);
    int64_t changes = 0;
    std::vector<bool> is_output(graph.values.size(), false);
    for (ValueId id : graph.outputs) is_output[static_cast<size_t>(id.v)] = true;
    Constants constants;
    const std::vector<int32_t> uses = use_counts(graph);
    for (size_t v = 0; v < graph.values.size(); ++v) {
        const ValueId id{static_cast<int32_t>(v)};
        if (!graph.values[v].constant || is_output[v] || uses[v] == 0) continue;
        const ValueId first = constants.first_equal(graph, id);
        if (first == id) continue;
        substitution.replace(id, first);
        ++changes;
    }
    std::map<std::string, size_t> seen;
    std::vector<bool> erased(graph.nodes.size(), false);
    for (size_t n = 0; n < graph.nodes.size(); ++n) {
        Node& node = graph.nodes[n];
        for (ValueId& id : node.inputs) id = substitution.find(id);
        if (has_subgraph(node)) continue;
        const auto [at, fresh] = seen.emplace(node_key(node), n);
        const bool makes_output = std::any_of(
            node.outputs.begin(), node.outputs.end(),
            [&](ValueId id) { return id.valid() && is_output[static_cast<size_t>(id.v)]; });
        if (fresh || makes_output) continue;
        Node& kept = graph.nodes[at->second];
        for (size_t k = 0; k < node.outputs.size(); ++k) {
            if (node.outputs[k].valid()) substitution.replace(node.outputs[k], kept.outputs[k]);
        }
        absorb_origins(kept, node);
        erased[n] = true;
        ++changes;
    }
    substitution.apply(graph);
    if (changes > 0) erase_nodes(graph, erased);
    return {std::move(shaped), changes};
}

}  // namespace smeaton::model
