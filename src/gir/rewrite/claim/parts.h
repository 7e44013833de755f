// Copies that run ahead of the work.
//     for k0: 64 { copy b_wbuf: wbuf f32[k: 16, n: 96] <- b[k0*16+k,n]; mma … }
//  -> for k0: 64 { copy b_wbuf: wbuf f32[k: 16, n: 96] depth 2 <- b[k0*16+k,n]; mma … }
// While an iteration works on one part, the next one is on its way.
#pragma once

#include "gir/program.h"
#include "gir/target.h"

namespace smeaton::gir::rewrite {

/// Two parts, or those that the level has, for each copy whose innermost loop has further
/// iterations on the same unit, leaves the source alone and moves on through it, as far as the room
/// at its level goes: those that bring in most first. Extents must be const.
Block in_parts(Block, const Program&, const Target&);

}  // namespace smeaton::gir::rewrite
