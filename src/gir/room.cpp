#include "gir/room.h"

#include <algorithm>
#include <cmath>

namespace smeaton::gir {

static bool in_step(int64_t capacity, int64_t bytes, int64_t parts) {
    const int64_t part = capacity / parts;
    return part > 0 && bytes % part == 0;
}

bool Span::contains(double capacity) const {
    return low <= capacity && capacity <= high &&
           std::all_of(steps.begin(), steps.end(), [&](const Step& s) {
               return in_step(static_cast<int64_t>(capacity), s.bytes, s.parts) == s.multiple;
           });
}

void Span::add(const Step& step) {
    if (std::find(steps.begin(), steps.end(), step) == steps.end()) steps.push_back(step);
}

void Span::meet(const Span& other) {
    low = std::max(low, other.low);
    high = std::min(high, other.high);
    for (const Step& s : other.steps) add(s);
}

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
    const bool yes = in_step(bytes_, bytes, parts);
    if (asked_) asked_->add({bytes, parts, yes});
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

Figure::operator double() const {
    if (asked_) asked_->narrow(value_, value_, value_);
    return value_;
}

double Figure::at_most(double other) const {
    if (value_ < other) return *this;
    if (asked_) asked_->narrow(value_, other, asked_->high);
    return other;
}

Figure Figure::noting(Span* asked) const {
    Figure f = *this;
    f.asked_ = asked;
    return f;
}

KeptRegion::KeptRegion(const Region& region) {
    const Span all;
    const auto bounded = std::count_if(region.begin(), region.end(),
                                       [&](const Span& span) { return !(span == all); });
    parts_.reserve(static_cast<size_t>(bounded));
    for (size_t i = 0; i < region.size(); ++i)
        if (!(region[i] == all)) parts_.push_back({i, region[i]});
}

bool KeptRegion::contains(const std::vector<double>& values) const {
    return std::all_of(parts_.begin(), parts_.end(),
                       [&](const Part& p) { return p.span.contains(values[p.index]); });
}

size_t KeptRegion::bytes() const {
    size_t sum = parts_.capacity() * sizeof(Part);
    for (const Part& p : parts_) sum += p.span.steps.capacity() * sizeof(Span::Step);
    return sum;
}

void meet(Region& into, const KeptRegion& other) {
    for (const KeptRegion::Part& p : other.parts_) into[p.index].meet(p.span);
}

}  // namespace smeaton::gir
