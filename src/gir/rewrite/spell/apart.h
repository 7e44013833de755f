// How operands are read whose lanes lie apart in memory.
#pragma once

#include "gir/rewrite/spell/laid.h"
#include "gir/target.h"

namespace smeaton::gir::rewrite {

/// Names in the spelling, whose lanes are chosen, the operands that are gathered and those that are
/// strided: what the target does in the fewest cycles.
void choose_apart(const Place&, const Target&, const Op&, Spelling&);

}  // namespace smeaton::gir::rewrite
