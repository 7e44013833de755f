// How long a store takes until the thread that waits for it runs on.
#pragma once

#include "machine/probe/crew.h"

namespace smeaton::machine {

/// One-way nanoseconds between the crew's first two workers, both spinning: mean of `turns` turns.
double spin_handoff_ns(Crew&, int turns);
/// The same with the waiting thread asleep in the kernel (futex).
double wake_handoff_ns(Crew&, int turns);

}  // namespace smeaton::machine
