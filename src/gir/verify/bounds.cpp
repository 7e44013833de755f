#include "gir/verify/number_rules.h"

namespace smeaton::gir::verifying {

void check_bounds(const Accesses& accesses, Faults& faults) {
    for (const SliceAccess& a : accesses.list) {
        const TouchedTarget& t = accesses.targets[a.target];
        for (size_t d = 0; d < a.at.size(); ++d) {
            if (a.computed[d]) continue;  // the value is a matter of checks and clamps before it
            auto outside = [&](const ValueRange& in) {
                return stays_within(a.at[d], in.lo, in.hi, a.space) == Verdict::Refuted;
            };
            if (outside(t.stored[d])) {
                ValueRange r = range(a.at[d], a.space);
                faults.add(a.place,
                           fmt::format("coordinate {} of {} runs from {} to {}, it has {} to {}", d,
                                       t.name, r.lo, r.hi, t.stored[d].lo, t.stored[d].hi));
            } else if (!a.write && !t.border_has_value && outside(t.logical[d])) {
                faults.add(a.place,
                           fmt::format("coordinate {} of {} reaches its border, which has no value",
                                       d, t.name));
            }
        }
    }
}

}  // namespace smeaton::gir::verifying
