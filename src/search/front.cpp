#include "search/front.h"

#include <algorithm>

namespace smeaton::search {

namespace {

constexpr double kRounding = 1 + 1e-12;

}  // namespace

bool covers(const Criteria& a, const Criteria& b) {
    for (size_t i = 0; i < a.size(); ++i)
        if (a[i] > b[i] * kRounding) return false;
    return true;
}

bool Front::covers(const Criteria& criteria) const {
    for (const Found& f : points_) {
        if (f.evaluation.criteria[kTime] > criteria[kTime] * kRounding) return false;
        if (search::covers(f.evaluation.criteria, criteria)) return true;
    }
    return false;
}

void Front::add(const Found& found) {
    const Criteria& criteria = found.evaluation.criteria;
    if (covers(criteria)) return;
    std::erase_if(points_,
                  [&](const Found& f) { return search::covers(criteria, f.evaluation.criteria); });
    auto before = [](const Found& a, const Found& b) {
        return a.evaluation.criteria < b.evaluation.criteria;
    };
    points_.insert(std::upper_bound(points_.begin(), points_.end(), found, before), found);
}

}  // namespace smeaton::search
