// An operand of a contraction laid out anew, in the order in which the tiled loops read it.
//     buffer w: memory f32[k: 768, n: 96] weight
//  -> buffer w_packed: memory f32[k: 768, n: 96] [n/48, k, n%48] weight   (panels of 48 lanes)
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "gir/program.h"
#include "gir/rewrite/nest.h"
#include "gir/target.h"

namespace smeaton::gir::rewrite {

/// A weight or state to be stored anew before the kernel can run: `packed` is `source` in another
/// layout. That of a weight is made at load, that of a state in each run.
struct Packing {
    Name source;
    Buffer packed;
};

/// The operand that a tiled contraction reads along its lanes, panel by panel: the lanes in hand by
/// the whole contraction.
struct PanelOperand {
    const Program& program;
    const Target& target;
    const LoopNest& nest;  ///< around the contraction
    const Slice& slice;
    OperandRole role;
    const std::vector<NamedDim>& contracted;
    const MmaShape& shape;
    Name lane;
    int64_t all_lanes = 1, lanes = 1;  ///< of the contraction; of the panel
    int64_t block = 1;                 ///< lanes that a packed panel is laid out in
    int64_t rows = 1;                  ///< that pass over the panel at a time
};

/// Does it pay, and can the layout say it? `changed`: states that no longer hold what they held
/// when the run began.
bool can_pack(const PanelOperand&, const std::set<Name>& changed);
/// Panels outermost, then the cuts of the contraction (`walk`) from outermost to innermost, then
/// the lanes of a panel. Of one that can be packed.
Packing packing_of(const PanelOperand&, const std::vector<Cut>& walk, std::set<Name>& taken);

}  // namespace smeaton::gir::rewrite
