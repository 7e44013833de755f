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
        places_.emplace_back();
        places_.back().bytes = bytes;
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

void Residency::touch(Name buffer, double bytes, double now_us) {
    int place = place_for(buffer, bytes);
    places_[static_cast<size_t>(place)].touched = bytes;
    places_[static_cast<size_t>(place)].used_us = now_us;
    recent_.remove(place);
    recent_.push_front(place);
}

void Residency::meet(Name buffer, double bytes, const gir::cache::Meeting& meeting) {
    Place& place = places_[static_cast<size_t>(place_for(buffer, bytes))];
    place.holders = holders(buffer, bytes);
    place.met_bytes = bytes;
    gir::cache::meet(place.holders, meeting);
}

gir::cache::Holders Residency::holders(Name buffer, double bytes) const {
    gir::cache::Holders found{};
    auto known = place_of_.find(buffer);
    if (known == place_of_.end()) return found;
    const Place& place = places_[static_cast<size_t>(known->second)];
    for (size_t i = 0; i < found.size(); ++i) {
        const double at = (static_cast<double>(i) + 0.5) * bytes;
        if (at < place.met_bytes * gir::cache::kPlaces)
            found[i] = place.holders[static_cast<size_t>(at / place.met_bytes)];
    }
    return found;
}

double Residency::idle_us(Name buffer, double now_us) const {
    auto known = place_of_.find(buffer);
    return known == place_of_.end() ? 0
                                    : now_us - places_[static_cast<size_t>(known->second)].used_us;
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
