// Tile of a contraction: constructed from the extents and a row of the target's table of shapes,
// ranked by a small throughput model, never searched by running.
#pragma once

#include <vector>

#include "gir/target.h"

namespace smeaton::gir::rewrite {

/// What is to be contracted.
struct MmaExtents {
    int64_t rows = 1;        ///< iterations of the row axis (broadcast operand)
    int64_t lanes = 1;       ///< iterations of the lane axis (vector operand)
    int64_t contracted = 1;  ///< iterations of all contracted dims
    bool broadcast = true;   ///< false: the row operand runs along the lanes too (depthwise)
};

/// What one pass of the inner body takes of it.
struct MmaTile {
    int64_t rows = 1;     ///< rows, a multiple of the shape's unless the extent is less
    int64_t columns = 1;  ///< shapes side by side along the lanes
    friend bool operator==(const MmaTile&, const MmaTile&) = default;
};

struct RankedTile {
    MmaTile tile;
    double cycles = 0;  ///< of the whole box, tails with tiles of their own
};

/// Cycles of the whole box with this tile.
double box_cycles(const MmaTile&, const MmaExtents&, const MmaShape&, const Target&);

/// All tiles whose sums fit their level beside the operands in flight, the best first. A shape that
/// holds its second operand has one: as tall as its sums' level allows, so that filling and
/// draining weigh little. Never empty.
std::vector<RankedTile> rank_tiles(const MmaExtents&, const MmaShape&, const Target&);

/// The first of them.
MmaTile choose_tile(const MmaExtents&, const MmaShape&, const Target&);

}  // namespace smeaton::gir::rewrite
