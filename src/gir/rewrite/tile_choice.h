// Register tile of a contraction: constructed from the extents and the target's numbers, ranked by
// a small throughput model, never searched by running.
#pragma once

#include "gir/target.h"

namespace smeaton::gir::rewrite {

struct MmaShape {
    int64_t rows = 1;        ///< iterations of the row axis (broadcast operand)
    int64_t lanes = 1;       ///< iterations of the lane axis (vector operand)
    int64_t contracted = 1;  ///< iterations of all contracted dims
    bool broadcast = true;   ///< false: the row operand runs along the lanes too (depthwise)
};

struct RegisterTile {
    int64_t rows = 1;     ///< rows per tile
    int64_t vectors = 1;  ///< vectors of lanes per tile
};

/// Cycles per contraction step of one tile: the larger of FMA issue (two a cycle), loads (two
/// broadcasts a cycle; vectors of a panel that streams from L2 at about 40 bytes a cycle), and the
/// latency of one accumulator chain.
double step_cycles(const RegisterTile&, const MmaShape&, const Target&);
/// Cycles of the whole box with this tile, tails with tiles of their own.
double box_cycles(const RegisterTile&, const MmaShape&, const Target&);

/// The tile with the least modelled cycles over the whole iteration box, tails counted with tiles
/// of their own. Every tile fits the register file beside the vectors in flight.
RegisterTile choose_tile(const MmaShape&, const Target&);

}  // namespace smeaton::gir::rewrite
