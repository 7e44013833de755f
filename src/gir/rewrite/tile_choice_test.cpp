#include "gir/rewrite/tile_choice.h"

#include <gtest/gtest.h>

#include "gir/common_cpu.h"

namespace smeaton::gir::rewrite {
namespace {

MmaShape f32(const Target& t) {
    return t.shape_for(DType::kF32, DType::kF32, DType::kF32);
}

TEST(TileChoice, ranks_every_tile_that_fits_the_registers) {
    Target cpu = common_cpu();
    MmaExtents extents{100, 128, 576, true};
    std::vector<RankedTile> ranked = rank_tiles(extents, f32(cpu), cpu);
    ASSERT_GT(ranked.size(), 20u);
    for (size_t i = 0; i < ranked.size(); ++i) {
        const MmaTile& t = ranked[i].tile;
        EXPECT_LE(t.rows * t.columns + t.columns + 1, 32) << t.rows << " x " << t.columns;
        EXPECT_EQ(ranked[i].cycles, box_cycles(t, extents, f32(cpu), cpu));
        if (i > 0) {
            EXPECT_LE(ranked[i - 1].cycles, ranked[i].cycles);
        }
    }
    EXPECT_EQ(choose_tile(extents, f32(cpu), cpu), ranked.front().tile);
}

TEST(TileChoice, follows_the_numbers_of_the_target) {
    Target cpu = common_cpu(), slow = cpu;
    MmaExtents extents{1200, 512, 4096, true};
    for (TargetLevel& l : slow.levels)
        if (l.name == Name("l2")) l.read_bytes_per_cycle = 4;
    // Where panels come slowly, each vector of them serves more rows.
    EXPECT_GT(choose_tile(extents, f32(slow), slow).rows, choose_tile(extents, f32(cpu), cpu).rows);
    Target few = common_cpu(32, 16);
    MmaTile t = choose_tile(extents, f32(few), few);
    EXPECT_LE(t.rows * t.columns + t.columns + 1, 16);
}

TEST(TileChoice, takes_whole_shapes_and_all_that_is_left) {
    Target cpu = common_cpu();
    MmaShape unit;  // acc[8, 8] += a[8, 4] * b[4, 8]
    unit.a = unit.b = DType::kI8;
    unit.acc = DType::kI32;
    unit.rows = unit.columns = 8;
    unit.group = 4;
    for (const RankedTile& r : rank_tiles({100, 64, 64, true}, unit, cpu)) {
        EXPECT_EQ(r.tile.rows % 8, 0) << "100 rows are more than a tile takes";
        EXPECT_EQ(r.tile.columns % 2, 0) << "whole vectors for what follows";
    }
    EXPECT_EQ(choose_tile({5, 64, 64, true}, unit, cpu).rows, 5);
}

TEST(TileChoice, of_wide_elements_counts_the_registers_that_they_take) {
    Target cpu = common_cpu();
    MmaShape f64 = cpu.shape_for(DType::kF64, DType::kF64, DType::kF64);
    MmaTile t = choose_tile({100, 128, 100, true}, f64, cpu);
    EXPECT_LE(t.rows * t.columns + t.columns + 1, 32);
    EXPECT_EQ(t.columns * f64.columns % 16, 0);
}

}  // namespace
}  // namespace smeaton::gir::rewrite
