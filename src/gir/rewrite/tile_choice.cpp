#include "gir/rewrite/tile_choice.h"

#include <algorithm>

namespace smeaton::gir::rewrite {

namespace {

constexpr double kFmaPerCycle = 2;
constexpr double kRowLoadCycles = 0.5;
constexpr double kFmaLatencyCycles = 4;
// Loads and FMAs overlap, but not for nothing: of two tiles that issue as many FMAs the one with
// fewer loads is the faster.
constexpr double kContention = 0.1;
// Stores, accumulator set-up and loop entry of one tile, per vector of the tile.
constexpr double kTileCyclesPerVector = 3;

double vector_load_cycles(const Target& target) {
    return target.vector_bytes / 40.0;
}

bool fits(const RegisterTile& t, const Target& target) {
    // One vector per lane block in flight and one spare for a broadcast that cannot be folded.
    return t.rows * t.vectors + t.vectors + 1 <= target.vector_registers;
}

double tile_cycles(const RegisterTile& t, const MmaShape& shape, const Target& target) {
    return step_cycles(t, shape, target) * static_cast<double>(shape.contracted) +
           kTileCyclesPerVector * static_cast<double>(t.rows * t.vectors);
}

}  // namespace

double step_cycles(const RegisterTile& t, const MmaShape& shape, const Target& target) {
    double rows = static_cast<double>(t.rows), vectors = static_cast<double>(t.vectors);
    double fma = rows * vectors / kFmaPerCycle;
    double row_loads = shape.broadcast ? rows : rows * vectors;
    double loads = row_loads * kRowLoadCycles + vectors * vector_load_cycles(target);
    return std::max({fma, loads, kFmaLatencyCycles}) + kContention * std::min(fma, loads);
}

double box_cycles(const RegisterTile& t, const MmaShape& shape, const Target& target) {
    int64_t lanes_per_vector = target.vector_bytes / 4;
    int64_t vectors = (shape.lanes + lanes_per_vector - 1) / lanes_per_vector;
    double sum = 0;
    auto add = [&](int64_t count, int64_t rows, int64_t width) {
        if (count > 0 && rows > 0 && width > 0)
            sum += static_cast<double>(count) * tile_cycles({rows, width}, shape, target);
    };
    int64_t row_tiles = shape.rows / t.rows, row_rest = shape.rows % t.rows;
    int64_t wide_tiles = vectors / t.vectors, wide_rest = vectors % t.vectors;
    add(row_tiles * wide_tiles, t.rows, t.vectors);
    add(row_tiles, t.rows, wide_rest);
    add(wide_tiles, row_rest, t.vectors);
    add(1, row_rest, wide_rest);
    return sum;
}

namespace {

// A systolic array makes one vector of results per row and step; the tile is as tall as half of the
// accumulators' level allows, so that filling and draining the array weighs little.
RegisterTile array_tile(const MmaShape& shape, const Target& target) {
    int64_t row_bytes = int64_t{4} * target.array_columns;
    auto fits = [&](int64_t rows) {
        return &target.level_for(OperandRole::Acc, rows * row_bytes) != &target.outermost();
    };
    int64_t rows = 1;
    while (rows < shape.rows && fits(rows + 1)) ++rows;
    return {rows, std::max<int64_t>(1, target.array_columns * 4 / target.vector_bytes)};
}

}  // namespace

RegisterTile choose_tile(const MmaShape& shape, const Target& target) {
    if (target.array_columns > 0) return array_tile(shape, target);
    int64_t lanes_per_vector = target.vector_bytes / 4;
    int64_t vectors = (shape.lanes + lanes_per_vector - 1) / lanes_per_vector;
    RegisterTile best;
    double best_cycles = -1;
    for (int64_t width = 1; width <= std::min<int64_t>(vectors, 8); ++width)
        for (int64_t rows = 1; rows <= shape.rows; ++rows) {
            RegisterTile t{rows, width};
            if (!fits(t, target)) break;
            double cycles = box_cycles(t, shape, target);
            if (best_cycles < 0 || cycles < best_cycles) {
                best = t;
                best_cycles = cycles;
            }
        }
    return best;
}

}  // namespace smeaton::gir::rewrite
