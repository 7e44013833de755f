// What a block touches: per target the box of coordinates that its ops walk while the axes around
// the block stand still.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "gir/cache/box.h"

namespace smeaton::gir::cache {

struct Touch {
    std::vector<Box> boxes;
    int64_t element_bytes = 0;
    double asked_bytes = 0;  ///< read, each element once per op, loops counted
    double lines_bytes = 0;  ///< of the boxes, in whole lines
    double scattered = 0;    ///< bytes of lines behind computed coordinates
    int statements = 0;      ///< of the block itself, in which it is read
    /// Whether a claim can stand for the reads: one box, inside the target, no computed coordinate.
    bool claimable = true;

    /// Of the box of a claimable one.
    int64_t bytes() const { return boxes.at(0).elements() * element_bytes; }
};

using Touches = std::map<Name, Touch>;

struct KnownTile {
    Tile tile;
    bool claim = false;  ///< lies as its source does
    friend bool operator==(const KnownTile&, const KnownTile&) = default;
};
using KnownTiles = std::map<Name, KnownTile>;
void note_tile(const Let&, KnownTiles&);

struct FootprintOptions {
    Name registers = "reg";  ///< tiles there touch nothing
    int64_t line_bytes = 64;
    /// Only reads of this operand of contractions; -1: all accesses.
    int mma_operand = -1;
    friend bool operator==(const FootprintOptions&, const FootprintOptions&) = default;
};

/// What an answer depends on of all that stands around a block.
struct Surroundings {
    Extents extents;                                 ///< of loops
    std::map<Name, std::optional<KnownTile>> tiles;  ///< by target; nothing: a buffer

    bool are(const Extents& scope, const KnownTiles&) const;
};

/// `tiles`: those declared around the block. `scope`: the axes around it, with their extents.
/// Extents inside must be const.
/// `around` (may be null) gets what was asked of scope and tiles.
Touches touched_by(const Block&, const Extents& scope, const Program&, const KnownTiles& tiles,
                   const FootprintOptions&, Surroundings* around = nullptr);

/// All bytes of it, in whole lines.
double footprint_bytes(const Touches&);
/// Elements of all boxes.
int64_t elements(const Touch&);

/// A loop by what both kinds have; no body: the statement is none.
struct LoopOf {
    Name axis;
    int64_t extent = 1;
    const Block* body = nullptr;
};
LoopOf loop_of(const Stmt&);
/// The scope inside the loop.
Extents with(Extents scope, const LoopOf& loop);

}  // namespace smeaton::gir::cache
