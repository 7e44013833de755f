// Small tools that passes share: who makes and who reads a value, substitution, names, removal.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/graph.h"

namespace smeaton::model {

/// By value: index of the node that makes it, or -1.
std::vector<int32_t> producers_of(const Graph&);
/// By value: how often nodes and graph outputs read it.
std::vector<int32_t> use_counts(const Graph&);
bool is_graph_output(const Graph&, ValueId);
/// Reshape, Squeeze, Unsqueeze, Flatten: the same elements in the same order.
bool only_changes_shape(OpType);

/// "this value reads as that one", gathered during a walk and applied at its end.
class Substitution {
public:
    explicit Substitution(const Graph& graph) : to_(graph.values.size()) {}
    void replace(ValueId from, ValueId to);
    /// What `id` reads as now (itself when nothing was said).
    ValueId find(ValueId id) const;
    bool empty() const { return !any_; }
    /// Rewrites the inputs of all nodes and the graph's outputs.
    void apply(Graph&) const;

private:
    std::vector<ValueId> to_;
    bool any_ = false;
};

/// Erases the nodes whose entry is set.
void erase_nodes(Graph&, const std::vector<bool>& erased);
/// A value of a new name ("wanted", "wanted_2", ...).
ValueId add_value(Graph&, const std::string& wanted, DType, std::vector<Dim> shape);
ValueId add_constant(Graph&, const std::string& wanted, Tensor);
/// `into` stands for the file's nodes of `from` too.
void absorb_origins(Node& into, const Node& from);
/// A free node name.
std::string fresh_node_name(const Graph&, const std::string& wanted);

/// True when all Dims are numbers; then `shape` holds them.
bool const_dims(const Value&, std::vector<int64_t>& shape);

}  // namespace smeaton::model
