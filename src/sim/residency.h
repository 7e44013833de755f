// Which buffers a cache still holds when the next kernel comes: least recently used, whole buffers.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <vector>

#include "base/name.h"
#include "gir/cache/holders.h"
#include "machine/machine.h"

namespace smeaton::sim {

class Residency {
public:
    /// Gives the buffer a place, without touching it: a free one that it fits (temps share one
    /// arena, so that what is written there hits what the one before left), else a new one.
    void claim(Name buffer, double bytes);
    /// The buffer was used until `now_us`, `bytes` of it; claims a place where it has none.
    void touch(Name buffer, double bytes, double now_us = 0);
    /// Whose threads met it where; `bytes` is the size of the buffer.
    void meet(Name buffer, double bytes, const gir::cache::Meeting&);
    /// Who met it last; of a temp in another's place, who met what lies there.
    gir::cache::Holders holders(Name buffer, double bytes) const;
    /// Since it was used.
    double idle_us(Name buffer, double now_us) const;
    /// Its place is free from now on.
    void release(Name buffer);

    /// Share (0 to 1) of the buffer that a cache of this capacity holds, given that the reader
    /// touches `others_bytes` of other buffers meanwhile, evenly.
    double held(Name buffer, double capacity_bytes, double others_bytes) const;

private:
    struct Place {
        double bytes = 0;
        double touched = 0;  ///< of these, when last used
        bool free = false;
        double used_us = 0;             ///< when last
        gir::cache::Holders holders{};  ///< of the first `met_bytes`
        double met_bytes = 0;
    };
    int place_for(Name buffer, double bytes);

    std::vector<Place> places_;
    std::map<Name, int> place_of_;
    std::list<int> recent_;  ///< most recently touched first
};

/// What a cache holds that others of the host fill as well, on average: `held` says it of a part of
/// the room (0 to 1), here what is left beside the lines that they brought in `idle_ms`. They bring
/// them at a steady rate, each to any set, so that half of what nobody uses is gone after
/// `kept_ms`; a set gives up the least recently used of its ways.
double held_beside_others(double idle_ms, const machine::Level&,
                          const std::function<double(double room)>& held);

}  // namespace smeaton::sim
