// What least-recently-used replacement keeps: between two reads of a target other bytes go by, in
// whole lines; where those and the target fit the cache together it is still there.
#pragma once

#include <set>

#include "gir/cache/footprint.h"
#include "gir/cache/touch_table.h"
#include "gir/target.h"

namespace smeaton::gir::cache {

/// Share of a cache that is reckoned with: lines of other things drift through the rest.
constexpr double kReckonedShare = 0.95;

/// The n-th of the caches that fill themselves, from the innermost, 0; null where there is none.
const TargetLevel* nth_cache(const Target&, int n);

/// Is what takes up so many bytes still there after as many others went by?
bool outlasts_its_like(const TargetLevel&, int64_t bytes);

/// Where a panel that is swept again and again is best fetched before its turn, while the one of
/// the same size in front of it is swept: the second cache, where both leave room. Nothing where
/// the first cache keeps both, or the second does not.
const TargetLevel* level_for_next(const Target&, int64_t panel_bytes);

/// How blocks of one program are looked at. `scope`: the loops around a block with their extents;
/// `tiles`: what is declared around it.
struct Observer {
    const Program& program;
    FootprintOptions options = {};
    TouchTable* known = nullptr;  ///< of the kernel; null: nothing is remembered

    TouchesPtr touched(const Block&, const Extents& scope, const KnownTiles& tiles) const;

    /// Bytes that go by from anywhere in an iteration of the loop to the same place in the next:
    /// what one iteration touches (`one`), and twice what is held through all of it and another
    /// through the next.
    double turn_bytes(const Stmt& loop, const Touches& one, const Extents& scope,
                      const KnownTiles& tiles) const;

    /// Bytes that go by between the last reads of the source in one pass over the block and the
    /// first in the next, those passes whole. A loop that reads all of it in each iteration has it
    /// at hand in its first and last.
    double between(const Block&, const Extents& scope, KnownTiles tiles, Name source) const;

    /// Of the wanted targets those that are dropped before a loop inside, or a later statement,
    /// comes to them again: more than the cache holds goes by.
    std::set<Name> lost(const Block&, const Extents& scope, const KnownTiles& tiles,
                        const Room& capacity, const std::set<Name>& wanted) const;

    /// Is every element of the block touched no more than once, so that there is nothing to keep?
    bool passes_through(const Block&, const Extents& scope, const KnownTiles& tiles) const;
};

/// Does the loop come again to elements that an iteration before touched? `one` iteration, `all`.
bool comes_again(const Touch& one, const Touch& all, int64_t trips);
/// Does an iteration of the loop find a part of what the one before touched, and not all of it?
bool overlaps(const Box&, Name axis);
/// A claim of a level further in keeps what the loop comes to again: this level does not see it.
bool kept_further_in(const Block& body, Name axis, Name source);

}  // namespace smeaton::gir::cache
