#include "model/graph.h"

#include "base/error.h"

namespace smeaton::model {

namespace {

/// The attribute as T, or null when absent.
template <class T>
const T* attribute(const Node& node, const std::string& key, std::string_view expected) {
    auto found = node.attributes.find(key);
    if (found == node.attributes.end()) return nullptr;
    const T* value = std::get_if<T>(&found->second);
    if (value == nullptr) {
        static constexpr std::string_view kNames[] = {"an integer", "a float",   "a string",
                                                      "integers",   "floats",    "strings",
                                                      "a tensor",   "a subgraph"};
        throw UserError("node {} ({}): attribute {} must be {}, found {}", node.name, node.op_name,
                        key, expected, kNames[found->second.index()]);
    }
    return value;
}

}  // namespace

int64_t attribute_int(const Node& node, const std::string& key, int64_t otherwise) {
    const auto* value = attribute<int64_t>(node, key, "an integer");
    return value != nullptr ? *value : otherwise;
}

double attribute_float(const Node& node, const std::string& key, double otherwise) {
    const auto* value = attribute<double>(node, key, "a float");
    return value != nullptr ? *value : otherwise;
}

std::string attribute_string(const Node& node, const std::string& key,
                             const std::string& otherwise) {
    const auto* value = attribute<std::string>(node, key, "a string");
    return value != nullptr ? *value : otherwise;
}

std::vector<int64_t> attribute_ints(const Node& node, const std::string& key,
                                    const std::vector<int64_t>& otherwise) {
    const auto* value = attribute<std::vector<int64_t>>(node, key, "integers");
    return value != nullptr ? *value : otherwise;
}

bool has_attribute(const Node& node, const std::string& key) {
    return node.attributes.count(key) != 0;
}

bool has_input(const Node& node, size_t k) {
    return k < node.inputs.size() && node.inputs[k].valid();
}

const Tensor* constant_input(const Graph& graph, const Node& node, size_t k) {
    if (!has_input(node, k)) return nullptr;
    const Value& value = graph.at(node.inputs[k]);
    return value.constant ? &*value.constant : nullptr;
}

}  // namespace smeaton::model
