// A move that is spelled `turning`: square blocks turned in registers on the way.
#pragma once

#include "emit/cpp/access.h"
#include "gir/program.h"

namespace smeaton::emit {

/// Both sides are memory of 4-byte elements, and the extents along both dims whole blocks.
void emit_turning_move(Function&, const gir::Op&, const Access& dst, const Access& src);

}  // namespace smeaton::emit
