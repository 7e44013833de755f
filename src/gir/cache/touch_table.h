// What blocks touch, remembered: the same block under the same loops and tiles is walked once. No
// capacity is asked for it, so that it holds for machines that differ in those alone.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "gir/cache/footprint.h"
#include "gir/kept_size.h"

namespace smeaton::gir::cache {

using TouchesPtr = std::shared_ptr<const Touches>;

/// Of one kernel, whatever a rewrite makes of it: its buffers must stay as they are. Bounded: a
/// full table is begun anew.
class TouchTable {
public:
    /// As touched_by.
    TouchesPtr touched(const Block&, const Extents& scope, const Program&, const KnownTiles& tiles,
                       const FootprintOptions&);
    /// The statement, or one made before that says the same, so that what is known of it is found.
    StmtPtr only(StmtPtr);
    void measure(KeptSize&) const;

private:
    struct Seen {
        Block block;  // kept alive: told apart by addresses
        FootprintOptions options;
        Surroundings around;  // those that the answer depends on
        TouchesPtr touches;
    };
    static constexpr size_t kMost = 256;

    std::unordered_map<size_t, std::vector<Seen>> seen_;
    std::unordered_map<size_t, std::vector<StmtPtr>> statements_;
    size_t seen_count_ = 0, statement_count_ = 0;
};

}  // namespace smeaton::gir::cache
