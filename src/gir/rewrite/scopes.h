// Iterations shared out over the whole tree of units, not only its leaves.
//     parallel i: 768 core { ... i ... }
//  -> parallel i_cluster: 12 cluster { parallel i: 64 core { ... i_cluster*64 + i ... } }
#pragma once

#include <set>
#include <vector>

#include "gir/program.h"
#include "gir/rewrite/nest.h"
#include "gir/target.h"

namespace smeaton::gir::rewrite {

/// Plans, from the outermost on, become parallel over the innermost units until each unit has
/// several iterations; none inside that of the axis `last`.
void share_out(std::vector<AxisPlan>&, const Target&, Name last = {});

/// Cuts each outermost parallel over the innermost units into one for each scope around them, so
/// that what is declared between two is shared by the units of one. An axis that does not divide
/// evenly, with enough for all units inside, stays one loop over all of them: the parts would have
/// unequal work. Means the same; `taken`: names in use.
Block nest_scopes(const Block&, const Target&, std::set<Name>& taken);

}  // namespace smeaton::gir::rewrite
