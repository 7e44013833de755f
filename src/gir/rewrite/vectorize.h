// Tiles every statement that is not a contraction: the axis along which results lie in memory
// becomes vector lanes, the outermost loops are shared out over cores, row tiles get a level they
// fit.
//     parallel i: 3136 { let t: local f32[]; binary add t[] <- a[i], b[i]; move y[i] <- t[] }
//  -> parallel i0: 98 core { let t: reg f32[i: 32 lanes]; binary add t[i] <- a[i0*32+i], ... }
#pragma once

#include <set>

#include "gir/program.h"
#include "gir/rewrite/nest.h"
#include "gir/target.h"

namespace smeaton::gir::rewrite {

/// The loop axis along which every store that uses it runs, innermost first; empty when there is
/// none. Extents must be const.
Name lane_axis(const Program&, const LoopNest&);

/// Always gives a block of the same meaning; statements of odd form keep scalar loops.
Block vectorize(const Program&, const StmtPtr&, const Target&, std::set<Name>& taken);

}  // namespace smeaton::gir::rewrite
