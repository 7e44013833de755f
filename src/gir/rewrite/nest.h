// Loops as data: a perfect nest and the moves that reshape it. All are meaning-preserving on their
// own terms; choosing which to apply is the business of tile.cpp and fuse.cpp.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "gir/program.h"

namespace smeaton::gir::rewrite {

struct Loop {
    Name axis;
    Dim extent;
    bool parallel = false;
    Name scope;  ///< parallel loops
    std::vector<Affine> from, to;
    int unroll = 1;
};

/// Loops from outermost to innermost around a body that is no longer a single loop.
struct LoopNest {
    std::vector<Loop> loops;
    Block body;
};

/// Peels the perfect nest that starts at `s`, only through parallel loops when `parallel_only`.
LoopNest nest_of(const StmtPtr& s, bool parallel_only);
/// The block that the nest stands for (the body itself when there are no loops).
Block build(const LoopNest&);
Block wrap(const Loop&, Block body);

/// Makes the iterations of an independent loop over `axis` one pass: every tile of `body` that
/// varies with the axis gets it as a last dim (its lanes dim when `lanes`), every op on it runs
/// over it.
///     parallel k: 32 { let acc: reg f32[]; move acc[] <- b[k] }
///  -> let acc: reg f32[k: 32 lanes]; move acc[k] <- b[k]
/// Nothing when the body has a statement for which that is not possible (loop bounds, claims or
/// scatters that use the axis, tiles of an outer block), or where an iteration goes on from what
/// the one before left of what does not vary.
std::optional<Block> absorb(const Block& body, Name axis, const Dim& extent, bool lanes);

/// How one axis of a nest is to be walked: loop over parts of `part` iterations; the iterations
/// inside a part stay as the free variable `axis` for the leaf to absorb. part 1: a plain loop.
struct AxisPlan {
    Name axis;
    int64_t extent = 1;
    int64_t part = 1;
    bool parallel = false;
    Name scope = {};
    /// Parts that are no loop lie in blocks of their own, so that each can have its copies.
    bool apart = false;
};
/// The part in hand of each axis with part > 1 (tails are shorter).
using Parts = std::map<Name, int64_t>;
/// Builds the loops of `plans` (outermost first) around leaf(body, parts). Parts that do not divide
/// an extent give a second nest for the tail, with its own leaf.
///     i: 20 by 8  ->  for i0: 2 { leaf(body[i := i0*8 + i], i: 8) }  leaf(body[i := 16 + i], i: 4)
Block walk_axes(const std::vector<AxisPlan>& plans, const Block& body, std::set<Name>& taken,
                const std::function<Block(const Block&, const Parts&)>& leaf);

/// A step of making op dims into serial loops: `dim` is cut into parts of `part` iterations.
struct Cut {
    Name dim;
    int64_t part = 1;
};
/// Serial loops around one op, outermost first; the op keeps the innermost parts. Extents must be
/// const; parts that do not divide give a second, shorter loop body. A Reduce must accumulate
/// already.
///     mma acc[] += a[k]*b[k] over k: 768;  cuts {k,2}
///  -> for k0: 384 { mma acc[] += a[k0*2+k]*b[k0*2+k] over k: 2 }
Block cut_op(const Op& op, const std::vector<Cut>& cuts, std::set<Name>& taken);

}  // namespace smeaton::gir::rewrite
