// What a tiled kernel reads again and again is claimed by the cache that can hold it, or copied
// into the scratchpad that is there for it.
//     parallel n0: 16 core { for m0: 16 { ... mma acc[m,n] += x[m0*8+m,k] * w[k,n0*48+n] ... } }
//  -> claim x_l2: l2 f32[m: 128, k: 768] <- x[m,k]
//     parallel n0: 16 core {
//       claim w_l2: l2 f32[k: 768, n: 48] <- w[k,n0*48+n]
//       for m0: 16 { ... mma acc[m,n] += x_l2[m0*8+m,k] * w_l2[k,n] ... } }
// Nothing is moved by a claim: it says what stays in a cache under least-recently-used replacement,
// and the ledger counts by it. Which of the two a level gets is decided here and nowhere else.
#pragma once

#include "gir/program.h"
#include "gir/rewrite/rules.h"
#include "gir/target.h"

namespace smeaton::gir::rewrite {

/// On a machine whose scratchpads take one operand each, the operands of every contraction are
/// copied into the level of their role, in the largest parts that fit; two parts at a time where
/// there is room (parts.h).
///
/// On caches, from the innermost outwards: a slice is claimed in the innermost block that a wider
/// claim would not better, where what goes by between two reads of it fits the cache, beside the
/// other claims, those that save more first. What a loop comes to again by overlap is a ring.
/// After tile.
Program claim_residents(Program, const Target&, const Rules&);

}  // namespace smeaton::gir::rewrite
