// A move that is spelled `turning`: square blocks turned in registers on the way.
#pragma once

#include "emit/cpp/access.h"
#include "gir/program.h"

namespace smeaton::emit {

/// The extents along both dims are whole blocks. UserError where the elements are not of 4 bytes,
/// the blocks not as wide as the vectors, or a vector of one does not lie in one piece of memory.
void emit_turning_move(Function&, const gir::Op&, const Access& dst, const Access& src);

}  // namespace smeaton::emit
