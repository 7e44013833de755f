// The tile unit of x86-64 CPUs (AMX): products of 16 x 16 tiles held in eight tile registers.
#pragma once

#include <cstdint>
#include <vector>

#include "machine/machine.h"
#include "machine/probe/cpu.h"

namespace smeaton::machine {

/// Registers that hold tiles: eight of 16 rows of 64 bytes.
constexpr int kTileBytes = 16 * 64, kTileRegisters = 8;

struct TileLoop {
    ContractionShape shape;  ///< without speeds
    double multiply_adds_per_iteration = 0;
    void (*run)(int64_t iterations) = nullptr;    ///< four products into sums of their own
    void (*chain)(int64_t iterations) = nullptr;  ///< four into the same
};

/// What this CPU contracts in tiles: empty where it has no AMX or the kernel does not grant its
/// state to this process (asked for here). One row for bf16, two for bytes (signed or unsigned by
/// signed).
std::vector<TileLoop> tile_loops(const CpuFeatures&);

/// Tiles moved between the registers and the first cache, one whole set of registers (kTileBytes x
/// kTileRegisters) in an iteration; only where tile_loops has rows.
void load_tiles(int64_t iterations);
void store_tiles(int64_t iterations);

}  // namespace smeaton::machine
