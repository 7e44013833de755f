// Which tiles are registers, and where those go that cannot be.
#pragma once

#include "gir/program.h"
#include "gir/target.h"

namespace smeaton::gir::rewrite {

/// Gives every tile a level of the target: registers where its elements are few and every place
/// that touches them is known when code is written, memory otherwise. `several_phases`: tiles
/// declared at the kernel's own level are seen by more than one unit, so they are memory.
Block settle_tiles(const Block&, const Target&, bool several_phases);

}  // namespace smeaton::gir::rewrite
