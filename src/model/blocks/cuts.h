// Where to cut an order of nodes into blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/blocks/labels.h"
#include "model/blocks/scopes.h"
#include "model/graph.h"

namespace smeaton::model {

/// Positions [begin, end) of the order.
struct Piece {
    size_t begin = 0, end = 0;
};

/// Cuts all positions into pieces, in order: first what repeats exactly, the largest part first;
/// what is left where the unit of the scope changes, or, where names tell nothing, where operators
/// repeat in form. A repeated piece holds a heavy node when the graph has any.
std::vector<Piece> cut_into_pieces(const Graph&, const std::vector<int32_t>& order,
                                   const NodeLabels&, const std::vector<Scope>&);

}  // namespace smeaton::model
