// What a cache has to fetch for a nest: closed form, least recently used, no set conflicts.
#pragma once

#include <vector>

#include "gir/cache/nest.h"
#include "gir/room.h"

namespace smeaton::gir::cache {

struct ArrayBytes {
    double read = 0, write = 0;
};

/// Bytes of each array that the whole nest touches, once: what an empty cache of any size must
/// fetch.
std::vector<ArrayBytes> footprint(const Nest&, double line_bytes);

/// What a part of a nest (a loop, an op, the root) touches, by array. No capacity is asked for it.
struct PartBytes {
    bool is_loop = false, parallel = false;
    double trips = 1;
    std::vector<ArrayBytes> turn;  ///< in one iteration; what is no loop has one
    std::vector<ArrayBytes> all;   ///< in all of them
    std::vector<ArrayBytes> own;   ///< through references that stand in no part inside; empty: none
    std::vector<PartBytes> parts;
};
PartBytes bytes_by_part(const Nest&, double line_bytes);

/// Bytes of each array that cross into a cache of this capacity, of which `concurrent` parties
/// share one (they run iterations of the outermost parallel at the same time).
///   loop:  when one iteration fits, what one needs is there for the next: the footprint of the
///   loop;
///          otherwise trips x the body, but for arrays that stay hot: where there is nothing but a
///          loop inside, two of whose iterations fit, those that one iteration touches whole.
///   block: when all of it fits, its footprint; otherwise the sum of its parts.
std::vector<ArrayBytes> misses(const PartBytes&, const Room& capacity, double concurrent = 1);
std::vector<ArrayBytes> misses(const Nest&, const Room& capacity, double line_bytes,
                               double concurrent = 1);

}  // namespace smeaton::gir::cache
