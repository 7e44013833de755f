#include "cost/run_state.h"

namespace smeaton::cost {
namespace {

int64_t value_of(const Bound& b, const std::vector<int64_t>& values) {
    int64_t v = b.constant;
    for (const auto& [axis, coefficient] : b.terms)
        v += coefficient * values[static_cast<size_t>(axis)];
    return v;
}

/// Of the loops inside, those between at their first turn.
void trips_inside(const Step& loop, std::vector<int64_t>& values, std::vector<int64_t>& trips) {
    for (const Step& s : loop.body) {
        if (s.kind != Step::kLoop) continue;
        auto [begin, end] = range_of(s, values);
        trips.push_back(std::max<int64_t>(end - begin, 0));
        values[static_cast<size_t>(s.index)] = begin;
        trips_inside(s, values, trips);
    }
}

}  // namespace

std::pair<int64_t, int64_t> range_of(const Step& loop, const std::vector<int64_t>& values) {
    int64_t begin = 0, end = loop.extent;
    for (const Bound& b : loop.from) begin = std::max(begin, value_of(b, values));
    for (const Bound& b : loop.to) end = std::min(end, value_of(b, values));
    return {begin, end};
}

int64_t end_of_like_turns(const Step& loop, int64_t at, int64_t end, std::vector<int64_t> values) {
    if (!loop.clips) return end;
    std::vector<int64_t> here, there;
    values[static_cast<size_t>(loop.index)] = at;
    trips_inside(loop, values, here);
    for (int64_t until = at + 1; until < end; ++until) {
        there.clear();
        values[static_cast<size_t>(loop.index)] = until;
        trips_inside(loop, values, there);
        if (there != here) return until;
    }
    return end;
}

}  // namespace smeaton::cost
