// `place`: layers or nodes over devices.
#pragma once

#include <string>
#include <vector>

#include "place/problem.h"

namespace smeaton::driver {

struct PlaceProblemRequest {
    std::string file;
    place::ProblemOverrides overrides;
};

/// A problem from a file. UserError as place/problem.h says.
place::ProblemAnswer place_problem(const PlaceProblemRequest&);

}  // namespace smeaton::driver
