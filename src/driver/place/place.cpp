#include "driver/place/place.h"

namespace smeaton::driver {

place::ProblemAnswer place_problem(const PlaceProblemRequest& request) {
    return place::solve_problem(request.file, request.overrides);
}

}  // namespace smeaton::driver
