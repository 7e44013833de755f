// Placements: as text, as JSON.
#pragma once

#include <string>

#include "driver/place/plan.h"
#include "place/problem.h"
#include "report/table.h"

namespace smeaton::report {

/// "####…..": a part of `width` characters.
std::string share_bar(double share, size_t width);
std::string text(const place::ProblemAnswer&, Width = {});
std::string json(const place::ProblemAnswer&);
std::string text(const driver::PlaceResult&, Width = {});
std::string json(const driver::PlaceResult&);
/// The plan as a page: stages, memory, what binds; of chips their schedules.
std::string html(const driver::PlaceResult&);

}  // namespace smeaton::report
