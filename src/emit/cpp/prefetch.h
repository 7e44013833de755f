// Prefetches for an operand of mma that loops sweep again and again.
#pragma once

#include <cstdint>

#include "emit/cpp/function.h"

namespace smeaton::emit {

/// `first` is the offset of the first of `elements` contiguous elements that the place being
/// written reads from `storage`. Where a loop sweeps them several times (a panel of weights under
/// rows of the other operand), the panel of the next iteration is asked into L2, spread evenly over
/// the sweeps. Panels that fit L1, or that no sweep repeats, get nothing.
void prefetch_panel(Function&, const Storage&, const Linear& first, int64_t elements);

}  // namespace smeaton::emit
