// Reduce and mma: accumulators for the destination's points, combined over the dims that it lacks.
#pragma once

#include "emit/cpp/access.h"
#include "gir/program.h"

namespace smeaton::emit {

void emit_reduction(Function&, const gir::Op&, const Access& dst,
                    const std::vector<std::optional<Access>>& srcs);

}  // namespace smeaton::emit
