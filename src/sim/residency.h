// Which buffers a cache still holds when the next kernel comes: least recently used, whole buffers.
#pragma once

#include <list>
#include <map>
#include <vector>

#include "base/name.h"

namespace smeaton::sim {

class Residency {
public:
    /// Gives the buffer a place, without touching it: a free one that it fits (temps share one
    /// arena, so that what is written there hits what the one before left), else a new one.
    void claim(Name buffer, double bytes);
    /// The buffer was used just now, `bytes` of it; claims a place where it has none.
    void touch(Name buffer, double bytes);
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
    };
    int place_for(Name buffer, double bytes);

    std::vector<Place> places_;
    std::map<Name, int> place_of_;
    std::list<int> recent_;  ///< most recently touched first
};

}  // namespace smeaton::sim
