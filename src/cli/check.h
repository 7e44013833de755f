// --check, --rtol, --atol: what `run` and `study` compare outputs with.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/arguments.h"
#include "driver/study/measure.h"

namespace smeaton::cli {

struct CheckOptions {
    std::optional<double> rtol, atol;
};

void check_options(Arguments&, CheckOptions&, driver::MeasureRequest&);
/// Takes over the tolerances given. UserError for one that is negative, or that has nothing to
/// bound.
void read_tolerance(const CheckOptions&, driver::MeasureRequest&);
/// 0 where all are equal; else UserError with every output that is not.
int require_equal(const std::string& model, const std::vector<driver::Comparison>&);

}  // namespace smeaton::cli
