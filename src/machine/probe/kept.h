// How long data that nobody uses stays in a cache that others of the host use too: guests on
// sibling threads and other cores push it out.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "machine/number.h"

namespace smeaton::machine {

/// A sweep over a set of data after this long without use.
struct IdleSweep {
    double idle_ms = 0, sweep_ns = 0;
};

/// Lower quarters of `repeats` for 0 ms, 0.25 ms, 0.5 ms, … 64 ms. `sweep` reads the set once;
/// before each idle time it is read twice. Spins meanwhile, and touches nothing. Others make a
/// sweep slower, never faster.
std::vector<IdleSweep> idle_sweeps(const std::function<void()>& sweep, int repeats);

/// Idle time after which half of the set is gone: the sweep then takes as long as the mean of the
/// first (all is there) and the longest (as much is gone as ever will be); linear between the two
/// idle times around it, which are low and high. Nothing where the longest takes less than a
/// quarter more than the first: all stays.
std::optional<Interval> half_gone_ms(const std::vector<IdleSweep>&);

}  // namespace smeaton::machine
