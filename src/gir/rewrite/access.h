// How slices run over memory: which variable walks along the innermost physical dim of a buffer.
#pragma once

#include <optional>

#include "gir/names.h"
#include "gir/program.h"

namespace smeaton::gir::rewrite {

/// True when consecutive values of `var` touch consecutive elements of the target, at least within
/// one block of a blocked layout. Tiles count as dense in the order of their dims.
bool runs_along(const Program&, const Slice&, Name var);

/// The block in which the layout of the slice's buffer cuts the coordinate that `var` walks (16 for
/// c in [n, c/16, h, w, c%16]); 0: not cut.
int64_t block_along(const Program&, const Slice&, Name var);

/// The only Mma of a block and nothing when there is none or more than one.
const Op* only_mma(const Block&);

/// Extents of all axes and op dims of the block that are const; the largest where several loops or
/// ops use one name.
Extents extents_in(const Block&);

}  // namespace smeaton::gir::rewrite
