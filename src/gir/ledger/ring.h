// What the entries of a let bring in: all of its source, or with `ring` only what the iteration
// before did not hold.
#pragma once

#include <set>
#include <vector>

#include "gir/ledger/loops.h"

namespace smeaton::gir {

/// Elements that all entries of the let bring in, over the dims in `used`, under `bounds` and those
/// of the loops around.
Dim entered_elements(const Let&, const Loops&, const DimVars&, const std::set<int>& used,
                     const std::vector<BoxBound>& bounds);

}  // namespace smeaton::gir
