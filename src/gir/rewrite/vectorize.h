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
/// none. Extents must be const. A machine that moves bytes beside its units takes, without one, the
/// axis along which most is stored, else the one along which most is read.
Name lane_axis(const Program&, const LoopNest&);

/// Always gives a block of the same meaning; statements of odd form keep scalar loops. `placed`:
/// bytes by level of the kernel's tiles that live already; those of this statement are added.
Block vectorize(const Program&, const StmtPtr&, const Target&, std::set<Name>& taken,
                std::map<Name, int64_t>& placed, bool weighs = true);

}  // namespace smeaton::gir::rewrite
