// The tiling stage: every kernel of a lowered (and fused) program gets the loops, register tiles,
// weight layouts and levels of one target. The result means what the program meant. Rules:
// "tile-contraction" for kernels that tile_mma knows, "vectorize" for the rest; a kernel whose rule
// is skipped stays as it is.
#pragma once

#include "gir/program.h"
#include "gir/rewrite/rules.h"
#include "gir/target.h"

namespace smeaton::gir::rewrite {

Program tile(const Program&, const Target&, const Rules& = {});

/// What no machine has placed, buffers and tiles at `memory`, lies in the target's outermost level.
/// `tile` does this at its end.
Program placed(Program, const Target&);

}  // namespace smeaton::gir::rewrite
