// Maps of one axis: which input position each output position reads, as runs of constant step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace smeaton::lower {

/// Output positions [start, start + count) read base + step * (position - start).
struct Run {
    int64_t start = 0;
    int64_t count = 0;
    int64_t base = 0;
    int64_t step = 0;
};

/// The fewest runs, greedily from the front.
std::vector<Run> runs_of(const std::vector<int64_t>& sources);

/// The block size f >= 2 for which sources[i] == i / f at every i and f divides their number; 0:
/// none.
int64_t repeat_factor(const std::vector<int64_t>& sources);

}  // namespace smeaton::lower
