#include "schedule/exact/seen.h"

#include <algorithm>

namespace smeaton::schedule {

namespace {

constexpr size_t kRoom = 2'000'000;  // summaries, some hundred bytes each
constexpr size_t kRoomPerSet = 200;

bool nowhere_later(const State::Summary& a, const State::Summary& b) {
    if (a.where != b.where) return false;
    for (size_t k = 0; k < a.when.size(); ++k)
        if (a.when[k] > b.when[k]) return false;
    return true;
}

}  // namespace

bool Seen::dominated() {
    State::Summary now = state_.summary();
    std::vector<State::Summary>& kept = by_tasks_[state_.done()];
    for (const State::Summary& before : kept)
        if (nowhere_later(before, now)) return true;
    kept_ -= std::erase_if(kept, [&](const auto& before) { return nowhere_later(now, before); });
    if (kept_ < kRoom && kept.size() < kRoomPerSet) {
        kept.push_back(std::move(now));
        ++kept_;
    }
    return false;
}

}  // namespace smeaton::schedule
