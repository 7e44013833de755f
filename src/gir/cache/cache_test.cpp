#include <gmock/gmock.h>

#include "gir/cache/misses.h"
#include "gir/cache/residency.h"
#include "gir/common_cpu.h"
#include "gir/text/parse.h"
#include "gir/walk.h"

namespace smeaton::gir::cache {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::optional<double> trips(Name var) {
    if (var == Name("i")) return 4;
    if (var == Name("j")) return 2;
    return std::nullopt;
}

TEST(Box, reaches_what_variables_inside_add_to_those_around) {
    Affine at(5);
    at += Affine("i", 6);
    at += Affine("j", 2);
    at += Affine("k", 7);
    const Reach r = reach_of(at, trips);
    EXPECT_EQ(r.outer, Affine("k", 7));
    EXPECT_EQ(r.inner.lo, 5);
    EXPECT_EQ(r.inner.hi, 5 + 18 + 2);
    EXPECT_EQ(r.step, 2);
    // 5, 7, 11, 13, 17, 19, 23, 25 of the eleven values that the box has.
    EXPECT_EQ(r.distinct, 8);
    EXPECT_EQ(r.values(), 11);
}

TEST(Box, widens_to_hold_another) {
    Box a{{reach_of(Affine("i", 2), trips)}};
    Box b{{reach_of(Affine("i", 2) + Affine(9), trips)}};
    EXPECT_TRUE(move_alike(a, b));
    widen(a, b);
    EXPECT_EQ(a.reach[0].inner.hi, 15);
    EXPECT_EQ(a.reach[0].step, 1);
    EXPECT_EQ(a.reach[0].distinct, 8);
    Box moved{{reach_of(Affine("i", 2) + Affine("k"), trips)}};
    EXPECT_FALSE(move_alike(a, moved));
}

TEST(Box, a_ring_brings_in_what_the_iteration_before_did_not_hold) {
    Let window;
    window.tile.dims = {{"r", 3}, {"w", 8}};
    window.ring = "h";
    window.source = Slice{"x", {Coord(Affine("h") + Affine("r")), Coord(Affine("w"))}, {}};
    EXPECT_DOUBLE_EQ(new_share(window), 1.0 / 3);
    EXPECT_DOUBLE_EQ(new_share(window, 5), (3.0 + 4) / (3 * 5));
}

Program parsed(const std::string& body) {
    return parse_program(R"(program p
  buffer x: dram f32[j: 4096] input
  buffer z: dram f32[i: 8, j: 4096] input
  buffer y: dram f32[i: 8, j: 4096] output
  run k(x, z -> y)

kernel k(x, z -> y)
)" + body,
                         "test");
}

// 16 KB of x in each turn, beside 16 of z and 16 of y.
const char* const kRows = "  for i: 8\n    binary add y[i,j] <- x[j], z[i,j] over j: 4096\n";

const std::set<Name> kAll = {"x", "y", "z"};

TEST(Residency, what_more_than_the_cache_goes_by_before_is_lost) {
    const Program p = parsed(kRows);
    const Block& body = kernels(p)[0]->body;
    const Observer seen{p};
    EXPECT_THAT(seen.lost(body, {}, {}, 64 << 10, kAll), IsEmpty());
    EXPECT_THAT(seen.lost(body, {}, {}, 40 << 10, kAll), ElementsAre(Name("x")));
    EXPECT_THAT(seen.lost(body, {}, {}, 40 << 10, {"y", "z"}), IsEmpty());
    EXPECT_FALSE(seen.passes_through(body, {}, {}));
}

TEST(Residency, is_the_same_to_claims_and_to_the_bytes_that_a_cache_fetches) {
    const Program p = parsed(kRows);
    const Kernel& kernel = *kernels(p)[0];
    const Nest nest = nest_of(p, kernel);
    const Touches touched = *Observer{p}.touched(kernel.body, {}, {});
    const std::vector<ArrayBytes> whole = footprint(nest, 64);
    for (size_t i = 0; i < nest.arrays.size(); ++i)
        EXPECT_EQ(touched.at(nest.arrays[i].name).lines_bytes, whole[i].read + whole[i].write);
    for (double capacity : {64 << 10, 40 << 10}) {
        const std::set<Name> lost = Observer{p}.lost(kernel.body, {}, {}, capacity, kAll);
        const std::vector<ArrayBytes> fetched = misses(nest, capacity, 64);
        for (size_t i = 0; i < nest.arrays.size(); ++i)
            EXPECT_EQ(fetched[i].read > whole[i].read, lost.count(nest.arrays[i].name) > 0);
    }
}

// A tile that the body shown names, as declared around it.
KnownTiles tile_of(const char* name, int64_t extent) {
    KnownTiles tiles;
    note_tile(Let{Tile{name, "l1", DType::kF32, {{"j", Dim(extent)}}}}, tiles);
    return tiles;
}

void expect_same(const Touches& a, const Touches& b) {
    ASSERT_EQ(a.size(), b.size());
    for (const auto& [name, touch] : a) {
        EXPECT_EQ(touch.asked_bytes, b.at(name).asked_bytes) << name.str();
        EXPECT_EQ(touch.lines_bytes, b.at(name).lines_bytes) << name.str();
        EXPECT_EQ(touch.claimable, b.at(name).claimable) << name.str();
        EXPECT_EQ(elements(touch), elements(b.at(name))) << name.str();
    }
}

TEST(TouchTable, walks_a_block_once_under_what_it_depends_on) {
    const Program p = parsed("  for i: 8\n    binary add y[i,j] <- x[j], z[i,j] over j: 4096\n");
    const Block& body = kernels(p)[0]->body;
    TouchTable table;
    const TouchesPtr first = table.touched(body, {}, p, {}, {});
    expect_same(*first, touched_by(body, {}, p, {}, {}));
    // What it does not name changes nothing.
    EXPECT_EQ(table.touched(body, {{"n", 4}}, p, tile_of("t", 8), {}), first);
    FootprintOptions wide;
    wide.line_bytes = 128;
    EXPECT_NE(table.touched(body, {}, p, {}, wide), first);
    // x as a tile.
    const TouchesPtr by_tile = table.touched(body, {}, p, tile_of("x", 64), {});
    EXPECT_NE(by_tile, first);
    expect_same(*by_tile, touched_by(body, {}, p, tile_of("x", 64), {}));
    EXPECT_EQ(table.touched(body, {}, p, tile_of("x", 64), {}), by_tile);
    EXPECT_NE(table.touched(body, {}, p, tile_of("x", 32), {}), by_tile);
}

TEST(TouchTable, knows_a_guard_by_the_loops_around_it) {
    const Program p = parsed(
        "  for i: 8\n    unary neg y[i,j] <- x[j+i*2] within (j+i*2 < 4096) else 0.0 over j: "
        "4096\n");
    const Block& inside = *body_of(*kernels(p)[0]->body[0]);
    TouchTable table;
    for (int64_t trips : {1, 8, 1}) {
        const Extents scope{{"i", trips}};
        const TouchesPtr known = table.touched(inside, scope, p, {}, {});
        expect_same(*known, touched_by(inside, scope, p, {}, {}));
        EXPECT_EQ(known->at("x").claimable, trips == 1);
    }
}

TEST(TouchTable, finds_a_statement_that_says_the_same) {
    const Program p = parsed(kRows), q = parsed(kRows);
    TouchTable table;
    auto both = [&](const Program& of) {
        const StmtPtr loop = kernels(of)[0]->body[0];
        return table.only(with_body(*loop, {table.only(body_of(*loop)->front())}));
    };
    EXPECT_EQ(both(p), both(q));
    EXPECT_NE(both(p), table.only(kernels(parsed("  for i: 8\n    unary neg y[i,j] <- z[i,j] over "
                                                 "j: 4096\n"))[0]
                                      ->body[0]));
}

TEST(Residency, a_panel_is_brought_to_the_second_cache_where_two_leave_room) {
    const Target t = common_cpu();  // 32 KB, 1 MB
    EXPECT_EQ(level_for_next(t, 15 << 10), nullptr);
    ASSERT_NE(level_for_next(t, 64 << 10), nullptr);
    EXPECT_EQ(level_for_next(t, 64 << 10)->name, Name("l2"));
    EXPECT_EQ(level_for_next(t, 512 << 10), nullptr);
    EXPECT_TRUE(outlasts_its_like(*nth_cache(t, 0), 16 << 10));
    EXPECT_FALSE(outlasts_its_like(*nth_cache(t, 0), 17 << 10));
    EXPECT_EQ(nth_cache(t, 3), nullptr);
}

}  // namespace
}  // namespace smeaton::gir::cache
