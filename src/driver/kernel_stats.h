// What a profile says of each kernel.
#pragma once

#include <cstdint>
#include <vector>

#include "driver/session.h"
#include "gir/program.h"
#include "gir/target.h"

namespace smeaton::driver {

/// Medians of the samples (ns, by kernel that runs each time), operations and bytes by the ledger.
std::vector<KernelStats> kernel_stats(const gir::Program&, const gir::Target&,
                                      std::vector<std::vector<int64_t>> samples);

}  // namespace smeaton::driver
