// The last rewrite before anybody reads a program for a machine: what was left open for lack of
// numbers becomes text, so that emitting is printing and costing is adding up.
#pragma once

#include "gir/program.h"
#include "gir/rewrite/rules.h"
#include "gir/target.h"

namespace smeaton::gir::rewrite {

/// Before: a bound program, tiled for the target or not. After: every op has a spelling, every tile
/// a level of the target, sorts see dense lines, moves that turn are blocks with edges of their
/// own, contractions are unrolled inside explicit loops with what they prefetch before them.
///
///     mma acc[m,n] += x[m,k] * w[k,n]
///   becomes
///     prefetch w_packed at n0*49152+k_0*64+49152 lines 4 by 16 to l2
///     mma acc[m,n] += x[m,k] * w[k,n] spelled lanes n by 16 unrolled m, n, k
///
/// An op that has a spelling already keeps it: a person's choice stands.
/// `kept`: from targets of the same levels; null: nothing. `asked` (null: no matter) is narrowed to
/// the numbers for which what is kept is the same. `workers`: as in Rules.
Program spell(Program, const Target&, KeptKernels* kept = nullptr, Region* asked = nullptr,
              Workers* workers = nullptr);

}  // namespace smeaton::gir::rewrite
