// Equality of parts of a graph as functions, exactly.
#pragma once

#include <cstdint>
#include <vector>

#include "model/blocks/labels.h"
#include "model/graph.h"

namespace smeaton::model {

/// A list of nodes as a function of what it reads.
struct Part {
    std::vector<int32_t> signature;  ///< equal when the functions are equal, position by position
    std::vector<ValueId> inputs;     ///< computed outside, by first reading
    std::vector<ValueId> constants;  ///< by first reading
    std::vector<ValueId> parameters;
};

/// Nodes by index, topological. Labels must be those of the graph.
class PartReader {
public:
    PartReader(const Graph& graph, const NodeLabels& labels);
    Part read(const int32_t* begin, const int32_t* end);

private:
    const Graph& graph_;
    const NodeLabels& labels_;
    std::vector<int32_t> stamp_;   // by value: the reading that numbered it
    std::vector<int32_t> number_;  // by value: 2 k of inside, 2 k + 1 of outside, in that reading
    std::vector<int32_t> weight_;  // by value: the reading that listed it as a parameter
    int32_t reading_ = 0;
};

}  // namespace smeaton::model
