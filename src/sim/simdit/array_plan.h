// An operation of the array cut into tiles. What only sizes and buffers decide is worked out here
// once; the ports then say how long the array waits.
#pragma once

#include "sim/simdit/charge.h"
#include "sim/simdit/tile.h"

namespace smeaton::sim::simdit {

/// How often each dim's tile is passed; not whole where a tile was rounded up.
struct Passes {
    double ow, oh, n, kw, kh, ic, oc;
    double all() const { return ow * oh * n * kw * kh * ic * oc; }
    double sums() const;  ///< tiles that add to one tile of results
};

struct ArrayPlan {
    bool one_row = false;  ///< a product of one row: output stationary
    Passes passes{};
    double tile_cycles = 0;  ///< of a tile on the array
    int64_t weight_bits = 0, bias_bits = 0, input_bits = 0, sum_bits = 0;  ///< of a tile, by port
    double compute_cycles = 0;
    double operations = 0;
    Traffic bits;  ///< of the operation, its result written to DRAM
};

/// `padded`: as padded_for_array gives it.
ArrayPlan plan_on_array(Kind, const Sizes& padded, const ArrayTile&, const Hardware&);

/// Cycles that the array waits for the ports; of the hardware only these count (and the width of
/// the array's weight side).
double stall_cycles(const ArrayPlan&, const Hardware&, bool keeps_result);
/// No more than stall_cycles of any hardware whose ports lie between these; results go to DRAM.
double least_stall_cycles(const ArrayPlan&, const Hardware& widest, const Hardware& narrowest);

}  // namespace smeaton::sim::simdit
