// Multiply-adds of one execution as models are counted: the points of its dims that give a result,
// zeros beside an image among them, whether they lie there or a bound stands for them. Left out are
// points where both operands are outside their bounds: what a tile has beyond the end of a sum.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "gir/program.h"

namespace smeaton::sim::events {

class GuardedPoints {
public:
    /// Of the op's dims, with the axes around it at these values; sizes must be bound.
    double of(const gir::Op&, const std::function<int64_t(Name)>& axis_value);

private:
    /// By what the axes add to the bounds.
    std::map<std::pair<const gir::Op*, std::vector<int64_t>>, double> known_;
};

}  // namespace smeaton::sim::events
