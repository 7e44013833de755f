// How full scratchpads are: tiles of one body live together.
#pragma once

#include <map>

#include "gir/target.h"

namespace smeaton::gir::rewrite {

class ScratchRoom {
public:
    explicit ScratchRoom(const Target& target) : target_(target) {}

    /// A tile lives there, whether it fits or not.
    void note(Name level, int64_t bytes) { placed_[level] += bytes; }
    /// `wanted` where the tiles before have left room, else the next level for vectors that has, at
    /// last the outermost; notes the bytes. Registers and caches are not counted.
    Name take(const TargetLevel& wanted, int64_t bytes);

private:
    bool fits(const TargetLevel&, int64_t bytes);

    const Target& target_;
    std::map<Name, int64_t> placed_;
};

}  // namespace smeaton::gir::rewrite
