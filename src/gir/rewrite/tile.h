// The tiling stage: every kernel of a lowered (and fused) program gets the loops, register tiles,
// weight layouts and levels of one target. The result means what the program meant.
#pragma once

#include "gir/program.h"
#include "gir/target.h"

namespace smeaton::gir::rewrite {

Program tile(const Program&, const Target&);

}  // namespace smeaton::gir::rewrite
