// What a kernel claims, beside what warm least-recently-used caches of the target's sizes fetch.
#pragma once

#include <vector>

#include "gir/interp/agreement.h"
#include "gir/target.h"

namespace smeaton::audit {

/// |caches - ledger| over the ledger's bytes that is still agreement.
inline constexpr double kAgreement = 0.15;

struct Boundary {
    gir::interp::Agreement bytes;
    bool counts = false;  ///< the outermost boundary, and those into levels that the kernel claims
    bool holds() const { return !counts || bytes.error() <= kAgreement; }
};

/// By cache, innermost first, over an eighth of the kernel's parallel iterations after a quarter of
/// them; all of it where it has more than one parallel nest. Runs on `memory`.
std::vector<Boundary> boundaries(const gir::Program&, const gir::Kernel&, const gir::Target&,
                                 gir::interp::Memory memory);

}  // namespace smeaton::audit
