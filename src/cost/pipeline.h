// The pipeline of a kernel on a machine of scratchpads: recurrences over its nest, solved by their
// period.
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

/// Max-plus recurrences (Baccelli, Cohen, Olsder, Quadrat: Synchronization and Linearity, 1992). An
/// execution of an op or copy starts when its engine has done all that stands before it in the
/// program, what it reads is written, and the part of the buffer that it fills is used no more; it
/// ends when its own work and its transfers do, each transfer in what its lines have left over.
/// Behind some first turns of a loop each further one adds the same to every time of the machine,
/// the mean of its slowest circle of engines, lines and parts of buffers: those are added at once.
/// Clipped loops are taken in stretches of equal turns. `chunks`: as for nest_of, of which the nest
/// is made. A tile has as many parts as its level or its copy has; in registers, as many as fit.
/// `asked` gets, by level, what was asked of its capacity; null: not noted.
Pipeline pipeline_of(const Nest&, const machine::Machine&, Demands&, int64_t chunks,
                     gir::Region* asked = nullptr);

}  // namespace smeaton::cost
