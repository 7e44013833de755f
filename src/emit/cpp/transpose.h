// A move whose source lies along another dim than its destination: square blocks turned in
// registers.
#pragma once

#include "emit/cpp/access.h"
#include "gir/program.h"

namespace smeaton::emit {

/// Emits the op if it is such a move (4-byte elements, both sides in memory, no bounds, extents of
/// at least a vector); false when it is not, and nothing is written. What the blocks leave over is
/// emitted as ops of its own.
bool emit_transposing_move(Function&, const gir::Op&, const Access& dst, const Access& src);

}  // namespace smeaton::emit
