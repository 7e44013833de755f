// Nodes as numbers: equal numbers, equal work.
#pragma once

#include <cstdint>
#include <vector>

#include "model/graph.h"

namespace smeaton::model {

/// True when operand k of the node is a weight: a constant of float or of 8 bits or less, that does
/// not set what the operator does (bounds of Clip, exponents, scales of Resize, ...).
bool is_parameter(const Graph&, const Node&, size_t k);

/// By node.
struct NodeLabels {
    /// Equal when operator, version, attributes, dtypes and shapes of operands and results,
    /// constants that are no weights, and which operands and results are absent agree.
    std::vector<int32_t> exact;
    /// Equal when the operator and the kinds of its operands (computed, constant, absent) agree.
    std::vector<int32_t> form;
    /// Whether the node multiplies matrices, convolves, or reads a weight.
    std::vector<bool> heavy;
};

NodeLabels label_nodes(const Graph&);

}  // namespace smeaton::model
