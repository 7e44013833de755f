// A register tile of multiply-adds whose panel comes in order from some level: what it waits for
// beyond the longer of arithmetic and transfer.
#pragma once

#include <cstdint>

#include "machine/probe/cpu.h"

namespace smeaton::machine {

/// Multiplies and adds each vector of the panel, two side by side, with as many rows as registers
/// hold sums for: about as much arithmetic as a cache can bring vectors for.
using StreamTile = void (*)(const char* panel, int64_t bytes);
/// At the widest vectors that the CPU has; null where those are of 128 bits.
StreamTile stream_tile(const CpuFeatures&);

/// Out of all caches.
void flush(const char* memory, int64_t bytes, int64_t line_bytes);

/// ns that the tile waits in each kStallBytes: `tile` ns in all for `bytes`, of which the transfer
/// alone takes `sweep` and the arithmetic alone `work`; 0 where they hide each other.
double stall_per_page(double tile, double sweep, double work, int64_t bytes);

}  // namespace smeaton::machine
