// A machine's description as the base of a space: any of its settings may vary
// (machine/settings.h).
#pragma once

#include <memory>
#include <vector>

#include "machine/settings.h"
#include "search/space.h"

namespace smeaton::search {

/// A description, a file or one that ships. Figures: sram_bytes (all scratchpads and caches but the
/// registers), bandwidth_gb_s (ports of levels, and reads of the outermost one), area_mm2, power_w,
/// cost_usd and energy_pj where the description tells them.
std::unique_ptr<Base> open_machine_base(const Space&);

/// The machines of a space.
class Machines {
public:
    explicit Machines(const Space&);

    /// UserError where settings contradict one another.
    machine::Machine at(const Point&) const;
    /// Not judged: for each setting the better or the worse end of the range.
    machine::Machine best_of(const Box& box) const { return of(box, true); }
    machine::Machine least_of(const Box& box) const { return of(box, false); }

    const machine::Machine& base() const { return base_; }
    const machine::Setting& setting(size_t axis) const { return settings_[axis]; }

private:
    machine::Machine of(const Box&, bool best) const;

    const Space& space_;
    machine::Machine base_;
    std::vector<machine::Setting> settings_;  ///< by axis
};

/// Bytes of all levels between the registers and the outermost, of all instances.
double sram_bytes(const machine::Machine&);
/// Through the ports of levels and from the outermost level.
double bandwidth_gb_s(const machine::Machine&);

}  // namespace smeaton::search
