// How much of a plan's arena holds something, step by step.
#pragma once

#include <cstdint>
#include <vector>

#include "run/plan.h"

namespace smeaton::run {

/// Per step of plan.steps: bytes of the arena that lie in a buffer which some step up to this one
/// uses and some step from this one on uses. Buffers that share bytes count once.
std::vector<int64_t> arena_bytes_alive(const Plan&);

}  // namespace smeaton::run
