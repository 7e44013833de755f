// Which steps of a plan must have ended before which, by the bytes that they read and write.
#pragma once

#include <vector>

#include "run/plan.h"

namespace smeaton::run {

/// By step: the earlier steps that it must come after, without those that others among them come
/// after anyway. Two steps depend on each other when one writes bytes that the other reads or
/// writes: the same buffer, or buffers that overlap in the arena or the persistent memory. A step
/// that writes a state also comes after all earlier steps with checks, so that a run whose check
/// fails leaves the states as they were. Externals and states are taken to be apart.
/// `within`, by step: the earlier steps that it must come after for what both do to one buffer,
/// from who knows which parts of it they use; null: a buffer is used whole.
/// Time grows with the steps, what they use, and how many may run side by side.
std::vector<std::vector<int>> dependences(const Plan&,
                                          const std::vector<std::vector<int>>* within = nullptr);

/// The order in which steps are taken up: Plan::order, or that of the list.
std::vector<int> order_of(const Plan&);

/// InternalError unless `order` names each step once, behind all steps that it comes after, and
/// each team lies within `threads`.
void check_order(const Plan&, int threads);

}  // namespace smeaton::run
