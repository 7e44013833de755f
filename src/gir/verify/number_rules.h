// The rules over a kernel's accesses, one function each. Internal to the verifier.
#pragma once

#include "gir/verify/accesses.h"
#include "gir/verify/faults.h"
#include "gir/verify/rules.h"

namespace smeaton::gir::verifying {

/// Every slice lies inside its target; what lies in a border or padding is read only where the
/// layout says what is there.
void check_bounds(const Accesses&, Faults&);

/// No iteration of a parallel writes what another one reads or writes. An overlap that is neither
/// proven nor refuted passes, except from a scatter whose indices may repeat.
void check_races(const Accesses&, Faults&);

/// Elements of tiles, and of buffers that nothing has filled before, are written before they are
/// read.
void check_coverage(const Accesses&, const Written& before, Faults&);

/// Claimed sources, claims and constant tiles are not written; nor, while its loop runs, a copy
/// whose parts iterations share, or its source.
void check_claims(const Program&, const Kernel&, Faults&);

/// Tiles and claims that live together fit their level. `claimed`: bytes that buffers claim there
/// while this kernel runs.
void check_capacity(const Kernel&, const Bindings&, const std::map<Name, int64_t>& claimed,
                    const VerifyOptions&, Faults&);

}  // namespace smeaton::gir::verifying
