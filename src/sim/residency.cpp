#include "sim/residency.h"

#include <algorithm>

namespace smeaton::sim {

int Residency::place_for(Name buffer, double bytes) {
    auto known = place_of_.find(buffer);
    if (known != place_of_.end()) return known->second;
    // Best fit among free places; of equals the first, so that every run is alike.
    int best = -1;
    for (size_t i = 0; i < places_.size(); ++i)
        if (places_[i].free && places_[i].bytes >= bytes &&
            (best < 0 || places_[i].bytes < places_[static_cast<size_t>(best)].bytes))
            best = static_cast<int>(i);
    if (best < 0) {
        places_.push_back({bytes, 0, false});
        best = static_cast<int>(places_.size()) - 1;
        recent_.push_back(best);  // never touched: behind all others
    }
    places_[static_cast<size_t>(best)].free = false;
    place_of_[buffer] = best;
    return best;
}

void Residency::claim(Name buffer, double bytes) {
    place_for(buffer, bytes);
}

void Residency::touch(Name buffer, double bytes) {
    int place = place_for(buffer, bytes);
    places_[static_cast<size_t>(place)].touched = bytes;
    recent_.remove(place);
    recent_.push_front(place);
}

void Residency::release(Name buffer) {
    auto known = place_of_.find(buffer);
    if (known == place_of_.end()) return;
    places_[static_cast<size_t>(known->second)].free = true;
    place_of_.erase(known);
}

double Residency::held(Name buffer, double capacity_bytes, double others_bytes) const {
    auto known = place_of_.find(buffer);
    if (known == place_of_.end()) return 0;
    double before = 0;
    for (int place : recent_) {
        double own = places_[static_cast<size_t>(place)].touched;
        if (place == known->second) {
            if (own <= 0) return 0;
            // When a share f of it has been read, before + own + f * others bytes came since.
            double room = capacity_bytes - before - own;
            if (room < 0) return 0;
            return others_bytes <= 0 ? 1 : std::min(1.0, room / others_bytes);
        }
        before += own;
    }
    return 0;
}

}  // namespace smeaton::sim
