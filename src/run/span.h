// When each thread worked on what.
#pragma once

#include <cstdint>

namespace smeaton::run {

/// One thread at work on its part of a phase.
struct Span {
    int step = 0, phase = 0;           ///< in the plan's list; of the step
    int thread = 0;                    ///< of the pool; 0: the caller
    int64_t begin_ns = 0, end_ns = 0;  ///< since the run began
    int64_t first = 0, last = 0;       ///< its part of the phase's range
};

}  // namespace smeaton::run
