#include "schedule/exact/seen.h"

#include <algorithm>

namespace smeaton::schedule {

namespace {

constexpr size_t kRoom = 80'000'000;  // numbers, of 8 bytes
constexpr size_t kRoomPerSet = 200;   // summaries

size_t numbers(const State::Summary& s) {
    constexpr size_t kFrame = 16;  // the summary itself, its allocations, its place in the map
    return kFrame + s.where.size() + s.when.size();
}

bool nowhere_later(const State::Summary& a, const State::Summary& b) {
    if (a.where != b.where) return false;
    for (size_t k = 0; k < a.when.size(); ++k)
        if (a.when[k] > b.when[k]) return false;
    return true;
}

}  // namespace

bool Seen::dominated() {
    State::Summary now = state_.summary();
    auto found = by_tasks_.find(state_.done());
    if (found == by_tasks_.end()) {
        if (kept_ >= kRoom) return false;
        found = by_tasks_.try_emplace(state_.done()).first;
    }
    std::vector<State::Summary>& kept = found->second;
    for (const State::Summary& before : kept)
        if (nowhere_later(before, now)) return true;
    std::erase_if(kept, [&](const State::Summary& before) {
        const bool beaten = nowhere_later(now, before);
        if (beaten) kept_ -= numbers(before);
        return beaten;
    });
    if (kept_ < kRoom && kept.size() < kRoomPerSet) {
        kept_ += numbers(now);
        kept.push_back(std::move(now));
    }
    return false;
}

}  // namespace smeaton::schedule
