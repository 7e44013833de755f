// What becomes of states and outputs is computed as soon as it can be, and not at the end.
//
//     run b2(w2 -> dx, g2); run b1(dx, w1 -> g1); run u1(g1, w1 -> w1); run u2(g2, w2 -> w2)
//   =>
//     run b2(w2 -> dx, g2); run u2(g2, w2 -> w2); run b1(dx, w1 -> g1); run u1(g1, w1 -> w1)
//
// A training step then holds one gradient at a time, and finds it where it has just been written.
#pragma once

#include "gir/program.h"
#include "gir/rewrite/rules.h"

namespace smeaton::gir::rewrite {

/// Moves steps that write states and outputs alone, and those that make single numbers for such
/// steps (a loss, a rate), to behind the last step that they depend on; a step that writes a state
/// also behind the last check, since a failed one leaves states as they were. To be run behind the
/// rules that move kernels (state.h).
Program states_early(Program, const Rules&);

}  // namespace smeaton::gir::rewrite
