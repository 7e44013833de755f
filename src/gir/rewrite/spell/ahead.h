// What is fetched ahead: while one panel is swept again and again, the next one comes nearer.
#pragma once

#include "gir/rewrite/spell/laid.h"
#include "gir/target.h"

namespace smeaton::gir::rewrite {

/// Prefetches for the operands of an unrolled mma that stands at `place`: where an operand is read
/// as a contiguous panel, several times over, and the loop around goes to the panel behind it. Each
/// turn of the sweep asks for its share of that panel.
std::vector<Prefetch> prefetches(const Place&, const Target&, const Op&);

}  // namespace smeaton::gir::rewrite
