// States that the exact search has been in.
#pragma once

#include <unordered_map>
#include <vector>

#include "schedule/exact/places.h"

namespace smeaton::schedule {

class Seen {
public:
    explicit Seen(const State& state) : state_(state) {}

    /// True where a state seen before with the same tasks done is nowhere later than the current
    /// one (or is the same); else keeps the current one, as long as there is room.
    bool dominated();

private:
    const State& state_;
    std::unordered_map<uint64_t, std::vector<State::Summary>> by_tasks_;
    size_t kept_ = 0;  // numbers in all summaries
};

}  // namespace smeaton::schedule
