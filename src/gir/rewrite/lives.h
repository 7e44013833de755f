// How long tiles live, and what lives at a level at once.
#pragma once

#include <map>
#include <set>

#include "gir/program.h"
#include "gir/target.h"

namespace smeaton::gir::rewrite {

/// Bytes that a tile takes of one part of its level. Each part has all tiles that live at once, of
/// other iterations than the part beside it; parts of a copy lie in different ones, as far as there
/// are so many.
int64_t part_bytes(const Let&, const TargetLevel&);
/// Those of all tiles that live at once at the level, at most; claims included.
int64_t live_bytes(const Block&, const TargetLevel&);
/// The same, by level.
using LiveBytes = std::map<Name, int64_t>;
LiveBytes live_bytes(const Block&, const Target&);

/// Where a tile of so many bytes goes that is no operand of contractions: the innermost memory that
/// takes it, or the first one outwards that has room beside what lives there; at last the
/// outermost.
const TargetLevel& level_beside(const LiveBytes&, int64_t bytes, const Target&);

/// A tile lives to the end of its block. Where the tiles of one block fill a scratchpad (one part
/// of it) beyond its room, those that are read no more when the next ones begin get a block of
/// their own, a loop of one turn:
///     let a; mma a += ..; move y <- a; let b; mma b += ..; move z <- b
///  -> for once: 1 { let a; ..; move y <- a }  for once_2: 1 { let b; ..; move z <- b }
/// `taken`: names in use.
Block with_short_lives(const Block&, const Target&, std::set<Name>& taken);

}  // namespace smeaton::gir::rewrite
