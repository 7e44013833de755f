// Vectors that cross the end of a line of the first cache.
#pragma once

#include <set>

#include "cost/reuse.h"
#include "gir/program.h"

namespace smeaton::cost {

/// The variable whose values follow one another in a vector, and how many in one.
struct VectorOf {
    Name lane;
    double width = 1;
    const std::set<Name>& still;  ///< variables of one value
};

/// Share (0 to 1) of the vectors of the slice that cross the end of a line: those at every place in
/// it that the slice's variables lead to, evenly. Memory begins at a line.
double split_share(const Nest&, const gir::Slice&, const VectorOf&, double line_bytes);

}  // namespace smeaton::cost
