#include "sim/residency.h"

#include <algorithm>
#include <cmath>

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

double held_beside_others(double idle_ms, const machine::Level& level,
                          const std::function<double(double room)>& held) {
    if (!level.kept_ms) return held(1);
    const double idle = idle_ms / level.kept_ms->value;
    // All in one set.
    if (!level.ways) return idle < 1 ? held(1 - idle) : 0;
    // To each set Poisson's arrivals; as many as it has ways are expected a third later than half
    // of the sets have seen them.
    const double ways = level.ways->value;
    const double expected = idle * (ways - 1.0 / 3);
    double likely = std::exp(-expected), sum = 0;
    for (int come = 0; come < ways; ++come) {
        constexpr double kNegligible = 1e-6;
        if (likely > kNegligible) sum += likely * held(1 - come / ways);
        likely *= expected / (come + 1);
    }
    return std::min(sum, 1.0);
}

}  // namespace smeaton::sim
