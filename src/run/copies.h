// Several samples in one plan: the same steps on memory of their own each.
#pragma once

#include "run/plan.h"

namespace smeaton::run {

/// Step i of copy c is step c * plan.steps.size() + i, on the team that it had. Arena, externals,
/// states and the fills of the arena are there once for each copy (external e of copy c is
/// c * plan.externals + e, states alike); constants, `once` steps and the persistent memory once
/// for all. The steps of two copies never wait for each other; the order is left to the caller.
/// InternalError where a step writes persistent memory: the copies would meet there.
Plan copies_of(const Plan&, int copies);

/// Copies to time steps by: copy c on the team of `width` threads from c * width on, each of its
/// steps after the one before. Else who has to wait would do a part of a step further on, whose
/// time from its beginning to its end would hold all that lies between.
Plan copies_in_turn(const Plan&, int copies, int width);

/// As copies_of for plans of one program, each sample with a plan (and teams, and an arena laid out
/// for them) of its own. `arenas`, by sample: the number of the arena that it uses, 0 for the
/// first. Samples that share one must have equal plans but for their teams, and the order must see
/// to it that each has ended before the next begins.
Plan joined(const std::vector<Plan>& samples, const std::vector<int>& arenas);

}  // namespace smeaton::run
