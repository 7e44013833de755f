// How a run took up its kernels, for a terminal and as JSON.
#pragma once

#include <string>

#include "driver/session.h"

namespace smeaton::report {

/// What was chosen, what it was weighed against, and what bounds every schedule.
std::string text(const driver::ParallelChoice&);
/// "all on one thread": a way to run, in words.
std::string words(const driver::ParallelChoice&, const std::string& method,
                  const std::string& hyper);

}  // namespace smeaton::report
