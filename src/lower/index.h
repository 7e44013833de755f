// Indices of gathers and scatters.
#pragma once

#include "lower/builder.h"

namespace smeaton::lower {

/// A tile with the position 0 .. extent-1 that `index` (negative: counted from the end) names;
/// checked when it runs unless `known`, the constant it is read from, shows that every index is
/// good.
Val position_from(KernelBuilder&, NodeContext&, const Val& index, const Tensor* known,
                  int64_t extent);

}  // namespace smeaton::lower
