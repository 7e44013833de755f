#include <algorithm>

#include "gir/verify/number_rules.h"

namespace smeaton::gir::verifying {

namespace {

constexpr int64_t kPointLimit = 4096;

/// Per dim the least and greatest coordinate; a computed one may be anywhere.
using Box = std::vector<ValueRange>;

Box box_of(const SliceAccess& a) {
    Box out;
    for (size_t d = 0; d < a.at.size(); ++d)
        out.push_back(a.computed[d] ? ValueRange{-kUnbounded, kUnbounded}
                                    : range(a.at[d], a.space));
    return out;
}

bool contains(const Box& box, const std::vector<int64_t>& element) {
    for (size_t d = 0; d < box.size(); ++d)
        if (element[d] < box[d].lo || element[d] > box[d].hi) return false;
    return true;
}

/// An element that is read and lies in none of the boxes.
bool reads_outside(const SliceAccess& read, const std::vector<Box>& boxes) {
    if (read.any_computed() || !has_point(read.space)) return false;
    Space needed = restricted(read.space, read.at);
    bool found = false;
    for_each_point(needed, kPointLimit, [&](const std::vector<int64_t>& values) {
        std::vector<int64_t> element;
        for (const Affine& c : read.at) element.push_back(value_at(c, needed, values));
        found = std::none_of(boxes.begin(), boxes.end(),
                             [&](const Box& box) { return contains(box, element); });
        return !found;
    });
    if (found) return true;
    // Beyond the points looked at: the ends of each coordinate against the hull of all boxes.
    for (size_t d = 0; d < read.at.size(); ++d) {
        ValueRange hull{kUnbounded, -kUnbounded};
        for (const Box& box : boxes)
            hull = {std::min(hull.lo, box[d].lo), std::max(hull.hi, box[d].hi)};
        if (stays_within(read.at[d], hull.lo, hull.hi, read.space) == Verdict::Refuted) return true;
    }
    return false;
}

}  // namespace

void check_coverage(const Accesses& accesses, const Written& before, Faults& faults) {
    std::vector<std::vector<Box>> written(accesses.targets.size());
    for (const SliceAccess& a : accesses.list) {
        const TouchedTarget& t = accesses.targets[a.target];
        bool filled = t.is_tile ? t.filled : before.count(t.root) != 0;
        if (filled || a.space.empty()) continue;
        std::vector<Box>& boxes = written[a.target];
        if (a.write)
            boxes.push_back(box_of(a));
        else if (boxes.empty() && t.root == t.name)
            faults.add(a.place, fmt::format("{} is read before anything is written to it", t.name));
        else if (!boxes.empty() && reads_outside(a, boxes))
            faults.add(a.place,
                       fmt::format("it reads elements of {} that nothing has written", t.name));
    }
}

}  // namespace smeaton::gir::verifying
