// Two probes of one machine as one: what others on the host disturb for minutes, one probe alone
// cannot tell from the machine.
#pragma once

#include <optional>

#include "machine/machine.h"

namespace smeaton::machine {

/// Each figure of the probe in which it was the better one, with the spread of both around it;
/// those that two times decide (cycles, `split`, `stall_ns`, `in_flight`) of the one whose clock,
/// or whose level, was faster. Nothing where the two do not describe the same parts.
std::optional<Machine> better_of(const Machine& before, const Machine& now);

}  // namespace smeaton::machine
