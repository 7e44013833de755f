// An order of nodes that the structure decides, not the file.
#pragma once

#include <cstdint>
#include <vector>

#include "model/graph.h"

namespace smeaton::model {

/// Node indices, topological, all nodes. Depth first from the deepest output, along the deepest
/// operand first, so that a layer's nodes stand together, and stand in the same order in each equal
/// layer. What the values in `early` need stands in front of everything else, in their order; what
/// only other outputs need stands right behind the last node that it reads from. `early` values
/// count as given when depth is measured.
std::vector<int32_t> structural_order(const Graph&, const std::vector<ValueId>& early);

/// By node: the longest path of nodes that leads to it, 0 for one that reads given values only.
std::vector<int32_t> node_depths(const Graph&, const std::vector<ValueId>& given);

}  // namespace smeaton::model
