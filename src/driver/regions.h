// Which part of each buffer a step reads and writes, and which steps must therefore follow others.
#pragma once

#include <cstdint>
#include <vector>

#include "gir/program.h"

namespace smeaton::driver {

/// A box of coordinates of one buffer (before views), both ends included.
struct Region {
    Name buffer;  ///< as named by the kernel: a view keeps its own name
    Name root;    ///< the buffer whose bytes they are
    std::vector<int64_t> low, high;
    bool write = false;
    double bytes = 0;  ///< of the box
};

/// All that the step may touch, each buffer's reads and writes as one box. Of both sides of a
/// branch, of all turns of a loop. Sizes must be bound.
std::vector<Region> regions_of(const gir::Program&, const gir::Step&);
bool overlap(const Region&, const Region&);

/// `to` must wait for `from`; `bytes` of what it reads come from there (0: it only overwrites).
struct Dependence {
    int from = 0, to = 0;
    double bytes = 0;
};
/// Between the listed steps, in their order: a read after a write, a write after a read or write,
/// of the same bytes. A settled size orders all steps before and after it; who writes a state waits
/// for all earlier steps that check something, so that a failed run leaves states as they were.
std::vector<Dependence> dependences(const gir::Program&,
                                    const std::vector<const gir::Step*>& steps);

}  // namespace smeaton::driver
