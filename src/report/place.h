// Placements: as text, as JSON.
#pragma once

#include <string>

#include "place/problem.h"
#include "report/table.h"

namespace smeaton::report {

std::string text(const place::ProblemAnswer&, Width = {});
std::string json(const place::ProblemAnswer&);

}  // namespace smeaton::report
