// How long tiles live, and what lives at a level at once.
#pragma once

#include <map>
#include <set>

#include "gir/program.h"
#include "gir/target.h"

namespace smeaton::gir::rewrite {

/// Bytes of all tiles that live at once at a level, at most; claims included.
int64_t live_bytes(const Block&, Name level);

/// A tile lives to the end of its block. Where the tiles of one block fill a scratchpad (one part
/// of it) beyond its room, those that are read no more when the next ones begin get a block of
/// their own, a loop of one turn:
///     let a; mma a += ..; move y <- a; let b; mma b += ..; move z <- b
///  -> for once: 1 { let a; ..; move y <- a }  for once_2: 1 { let b; ..; move z <- b }
/// `taken`: names in use.
Block with_short_lives(const Block&, const Target&, std::set<Name>& taken);

}  // namespace smeaton::gir::rewrite
