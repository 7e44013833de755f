// Points that no other point beats in everything.
#pragma once

#include <vector>

#include "search/evaluator.h"

namespace smeaton::search {

struct Found {
    Point point;
    Evaluation evaluation;
};

/// At least as good in every criterion, up to the rounding of the sums behind them.
bool covers(const Criteria& a, const Criteria& b);

/// Of points with the same criteria the front keeps the one that came first.
class Front {
public:
    /// Whether one of its points covers these criteria.
    bool covers(const Criteria&) const;
    void add(const Found&);
    /// By time, then memory.
    const std::vector<Found>& points() const { return points_; }

private:
    std::vector<Found> points_;
};

}  // namespace smeaton::search
