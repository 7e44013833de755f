// What the ops behind a contraction will touch: while the sums of one tile are made, the memory
// that the next tile is stored to, or added to, comes nearer.
#pragma once

#include <set>
#include <span>

#include "gir/rewrite/spell/laid.h"
#include "gir/target.h"

namespace smeaton::gir::rewrite {

/// Loops around one spelled mma that stand at `place`, with prefetches spread over their
/// iterations: of the rows of buffers that the ops `following` them, up to the next contraction,
/// read and write one tile further on, where the second cache does not hold the buffer anyway.
/// Unchanged where there is nothing to ask for, or too few iterations to spread it over. `taken`:
/// names in use.
StmtPtr with_rows_ahead(const Place&, const Target&, const StmtPtr& loops,
                        std::span<const StmtPtr> following, std::set<Name>& taken);

}  // namespace smeaton::gir::rewrite
