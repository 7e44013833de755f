// The fusing stage: views, moves, merges and dead kernels to a fixpoint. Works on lowered programs
// and knows no machine beyond the numbers in Rules.
#pragma once

#include "gir/program.h"
#include "gir/rewrite/rules.h"

namespace smeaton::gir::rewrite {

Program fuse(Program, const Rules&);

/// Removes kernels whose results nobody reads, and temps and weights without users.
Program drop_dead(Program, const Rules&);

}  // namespace smeaton::gir::rewrite
