// What multiply-adds wait for where their operands come in order from beyond the first cache.
#pragma once

#include <map>
#include <vector>

#include "cost/reuse.h"
#include "gir/program.h"
#include "machine/machine.h"

namespace smeaton::cost {

/// An array that multiply-adds read.
struct Streamed {
    bool by_products = false;
    Name ahead_to;  ///< where a prefetch brings it; empty: none does
};

/// By array of the nest.
std::vector<Streamed> streamed_of(const gir::Kernel&, const Nest&);

/// What one array fetches over each boundary of a cache: into the cache named, all cores together.
using Crossing = std::map<std::string, double>;

/// ns of one of `threads` cores: each page waits as the level tells that it comes from. What is
/// prefetched into a level does not wait for those beyond.
machine::Interval stall_ns(const machine::Machine&, const Streamed&, const Crossing& read,
                           int threads);

}  // namespace smeaton::cost
