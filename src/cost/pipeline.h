// The pipeline of a kernel on a machine of scratchpads: what works beside what, and for how long.
#pragma once

#include <string>

#include "cost/reuse.h"
#include "machine/machine.h"

namespace smeaton::cost {

class Demands;

/// Time from the first transfer to the last result, split at the station (engine or line) that
/// works the longest: before_ns + busy_ns + idle_ns + after_ns = time_ns.
struct Pipeline {
    double time_ns = 0;
    std::string station;   ///< "array", "into wbuf", "reads of dram"
    double before_ns = 0;  ///< until it has something to do: the first fills
    double busy_ns = 0;
    double idle_ns = 0;   ///< between: it waits for room in a buffer, or for what comes before
    double after_ns = 0;  ///< behind its last: results that drain, the last store

    friend bool operator==(const Pipeline&, const Pipeline&) = default;
};

/// Every engine goes through its stream (streams.h), all in the order of time. An execution of an
/// op or copy starts when its engine has done all that stands before it in the program, what it
/// reads is written, and the part of the buffer that it fills is used no more; it ends when its own
/// work and its transfers do, each at its fair rate (line_rates.h). Turns that go as turns before
/// are added at once (repeats.h): such machines come to a period (Baccelli, Cohen, Olsder, Quadrat:
/// Synchronization and Linearity, 1992). `chunks`, `asked`: as for streams_of.
Pipeline pipeline_of(const Nest&, const machine::Machine&, Demands&, int64_t chunks,
                     gir::Region* asked = nullptr);

}  // namespace smeaton::cost
