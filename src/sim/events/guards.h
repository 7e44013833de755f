// Multiply-adds of one execution that the program asks for: those whose operands lie inside their
// bounds. An array's zeros beside an image are none.
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
    std::map<std::pair<const gir::Op*, std::vector<int64_t>>, double> known_;  ///< by bounds' bases
};

}  // namespace smeaton::sim::events
