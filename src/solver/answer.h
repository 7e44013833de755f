// What a solver says.
#pragma once

#include <optional>
#include <vector>

namespace smeaton::solver {

enum class Ended {
    Optimal,     ///< proven
    Feasible,    ///< values, but a better answer may exist
    Infeasible,  ///< proven that there are no values
    Nothing,     ///< stopped before any values were found
};

struct Answer {
    Ended ended = Ended::Nothing;
    std::vector<double> values;  ///< by variable; empty unless Optimal or Feasible
    double objective = 0;
    double bound = 0;  ///< no values give less
};

}  // namespace smeaton::solver
