// A kernel's statements in their order, as the interpreter walks them, handed to the engines.
#pragma once

#include <vector>

#include "sim/events/events.h"
#include "sim/events/runtime.h"

namespace smeaton::sim::events {

/// What came of one kernel.
struct KernelEvents {
    TimePs time_ps = 0;
    int64_t events = 0;
    int64_t tasks = 0;
    double macs = 0;
    std::vector<double> busy_ps;                    ///< by engine
    std::vector<double> read_bytes, written_bytes;  ///< by level
    std::vector<Slice> slices;                      ///< where asked for
};

/// Ops and copies that a walk would hand out, clipped loops in full.
double tasks_of(const gir::Block&);

/// Walks the kernel from its first statement to its last. Ops and copies are tasks; a task waits
/// for those that write what it reads, and for readers of what it overwrites. A tile has as many
/// instances as its level has parts (`depth` of the level or of the copy; in registers, as many as
/// fit), taken in turn; the first task that touches a part waits for all who used it before. Each
/// engine has a stream of its own: one that waits for room holds up nobody else. Phases of a kernel
/// wait for each other. Sizes must be bound.
KernelEvents walk(const gir::Program&, const gir::Kernel&, const Chip&, const EventOptions&);

}  // namespace smeaton::sim::events
