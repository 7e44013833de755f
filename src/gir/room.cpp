#include "gir/room.h"

#include <algorithm>
#include <cmath>

namespace smeaton::gir {

void Span::narrow(double capacity, double from, double to) {
    low = std::max(low, std::min(from, capacity));
    high = std::min(high, std::max(to, capacity));
}

bool Room::holds(double bytes) const {
    const bool yes = bytes <= bytes_;
    if (!asked_) return yes;
    // Where the answer turns, but for roundings and cuts to whole bytes on the way here: kept clear
    // of by a margin, since a span that is too narrow is only asked again.
    const double turn = capacity_ + (bytes - bytes_) / slope_;
    const double size = std::abs(bytes) + std::abs(bytes_) + slope_ * capacity_;
    const double margin = (2 + 1e-9 * size) / slope_;
    if (yes)
        asked_->narrow(capacity_, turn + margin, asked_->high);
    else
        asked_->narrow(capacity_, asked_->low, turn - margin);
    return yes;
}

Room Room::operator*(double share) const {
    Room r = *this;
    r.bytes_ *= share;
    r.slope_ *= share;
    return r;
}

Room Room::operator/(double parts) const {
    Room r = *this;
    r.bytes_ /= parts;
    r.slope_ /= parts;
    return r;
}

Room Room::operator-(double bytes) const {
    Room r = *this;
    r.bytes_ -= bytes;
    return r;
}

Room Room::whole() const {
    Room r = *this;
    r.bytes_ = std::trunc(bytes_);
    return r;
}

bool Capacity::holds(int64_t bytes) const {
    if (!bounded()) return true;
    const bool yes = bytes <= bytes_;
    if (!asked_) return yes;
    const auto turn = static_cast<double>(bytes);
    if (yes)
        asked_->narrow(static_cast<double>(bytes_), turn, asked_->high);
    else
        asked_->narrow(static_cast<double>(bytes_), asked_->low, turn - 1);
    return yes;
}

bool Capacity::is_in_step(int64_t bytes, int64_t parts) const {
    const int64_t part = bytes_ / parts;
    if (part == 0) {
        if (asked_) asked_->narrow(static_cast<double>(bytes_), 0, static_cast<double>(parts - 1));
        return false;
    }
    const int64_t times = bytes / part;
    const bool yes = bytes % part == 0;
    if (!asked_) return yes;
    // Parts of this size; or those between two that would be in step.
    const int64_t least = yes ? part : bytes / (times + 1) + 1;
    const int64_t most = yes ? part : times > 0 ? (bytes - 1) / times : INT64_MAX / parts - 1;
    asked_->narrow(static_cast<double>(bytes_), static_cast<double>(least * parts),
                   static_cast<double>(most * parts + parts - 1));
    return yes;
}

int64_t Capacity::bytes() const {
    const auto exact = static_cast<double>(bytes_);
    if (asked_ && bounded()) asked_->narrow(exact, exact, exact);
    return bytes_;
}

Capacity Capacity::noting(Span* asked) const {
    Capacity c = *this;
    c.asked_ = asked;
    return c;
}

bool contains(const Region& region, const std::vector<double>& capacities) {
    for (size_t i = 0; i < region.size(); ++i)
        if (!region[i].contains(capacities[i])) return false;
    return true;
}

}  // namespace smeaton::gir
