#include "cost/reuse.h"

#include <gtest/gtest.h>

#include "gir/common_cpu.h"
#include "gir/rewrite/spell/spell.h"
#include "gir/text/parse.h"
#include "gir/walk.h"

namespace smeaton::cost {
namespace {

Array array(std::vector<double> extents, std::vector<gir::PhysicalDim> layout) {
    Array a;
    a.extents = std::move(extents);
    a.layout = std::move(layout);
    a.bytes = 4;
    for (double e : a.extents) a.bytes *= e;
    return a;
}

const gir::PhysicalDim kOuter{0, 1, 0, 0, 0}, kInner{1, 1, 0, 0, 0};

TEST(TouchedBytes, of_whole_rows_are_their_lines) {
    Array a = array({100, 64}, {kOuter, kInner});
    EXPECT_EQ(touched_bytes(a, {{10, 10}, {64, 64}}, 64), 10 * 64 * 4);
    // A column takes a line for each element; 16 neighbouring columns take the same lines.
    EXPECT_EQ(touched_bytes(a, {{100, 100}, {1, 1}}, 64), 100 * 64);
    EXPECT_EQ(touched_bytes(a, {{100, 100}, {16, 16}}, 64), 100 * 64);
}

TEST(TouchedBytes, of_short_strides_are_all_lines_of_long_ones_a_line_each) {
    Array a = array({1, 1000}, {kOuter, kInner});
    // Every other element of 200: the 800 bytes between, in lines.
    EXPECT_EQ(touched_bytes(a, {{1, 1}, {200, 100}}, 64), 13 * 64);
    // Every 50th of 500: ten lines.
    EXPECT_EQ(touched_bytes(a, {{1, 1}, {500, 10}}, 64), 10 * 64);
}

TEST(TouchedBytes, of_a_blocked_layout_follow_its_blocks) {
    // [c/16, w, c%16] of c: 64, w: 56; one pixel of all channels: four runs of one line.
    Array a = array({64, 56}, {{0, 16, 0, 0, 0}, {1, 1, 0, 0, 0}, {0, 1, 16, 0, 0}});
    EXPECT_EQ(touched_bytes(a, {{64, 64}, {1, 1}}, 64), 4 * 64);
    // A row of 56 pixels of one block: one run.
    EXPECT_EQ(touched_bytes(a, {{16, 16}, {56, 56}}, 64), 56 * 64);
}

struct Parsed {
    gir::Program program;
    gir::KernelPtr kernel;
};

Parsed parse(const std::string& text) {
    Parsed p{gir::rewrite::spell(gir::parse_program(text, "test.gir"), gir::common_cpu()), nullptr};
    p.kernel = gir::kernels(p.program).front();
    return p;
}

double total(const Nest& nest, const std::vector<ArrayBytes>& bytes, const char* name) {
    for (size_t i = 0; i < nest.arrays.size(); ++i)
        if (nest.arrays[i].name == Name(name)) return bytes[i].read + bytes[i].write;
    ADD_FAILURE() << "no array " << name;
    return -1;
}

// 128 x 256 x 512 by rows of 8: a row block is 8 KiB of a and 16 KiB of y, b is 512 KiB.
const char* const kMatmul = R"(program p
  buffer a: dram f32[m: 128, k: 256] input
  buffer b: dram f32[k: 256, n: 512] input
  buffer y: dram f32[m: 128, n: 512] output
  run mm(a, b -> y)

kernel mm(a, b -> y)
  parallel m0: 16 core
    for n0: 32
      let acc: reg f32[m: 8, n: 16 lanes]
      fill acc[m,n] <- 0.0
      mma acc[m,n] += a[m0*8+m,k] * b[k,n0*16+n] over k: 256
      move y[m0*8+m,n0*16+n] <- acc[m,n]
)";

TEST(Misses, a_cache_that_holds_everything_fetches_each_byte_once) {
    Parsed p = parse(kMatmul);
    Nest nest = nest_of(p.program, *p.kernel);
    auto bytes = misses(nest, 16 << 20, 64);
    EXPECT_EQ(total(nest, bytes, "a"), 128 * 256 * 4);
    EXPECT_EQ(total(nest, bytes, "b"), 256 * 512 * 4);
    EXPECT_EQ(total(nest, bytes, "y"), 128 * 512 * 4);
}

TEST(Misses, what_does_not_fit_is_fetched_again_by_each_turn_of_the_loop_outside) {
    Parsed p = parse(kMatmul);
    Nest nest = nest_of(p.program, *p.kernel);
    // One turn of n0 (8 KiB of a, 16 KiB of b, 512 bytes of y) fits 32 KiB: a stays over n0, b
    // comes again for each of the 16 row blocks.
    auto bytes = misses(nest, 32 << 10, 64);
    EXPECT_EQ(total(nest, bytes, "a"), 128 * 256 * 4);
    EXPECT_EQ(total(nest, bytes, "b"), 16.0 * 256 * 512 * 4);
    EXPECT_EQ(total(nest, bytes, "y"), 128 * 512 * 4);
    // In 4 KiB not even one turn of n0 fits: a comes again for each of its 32 turns.
    bytes = misses(nest, 4 << 10, 64);
    EXPECT_EQ(total(nest, bytes, "a"), 32.0 * 128 * 256 * 4);
}

TEST(Misses, a_party_of_the_parallel_has_its_share_of_the_rows_and_all_of_b) {
    Parsed p = parse(kMatmul);
    Nest nest = nest_of(p.program, *p.kernel, 4);
    auto bytes = misses(nest, 1 << 20, 64);
    EXPECT_EQ(total(nest, bytes, "a"), 32 * 256 * 4);
    EXPECT_EQ(total(nest, bytes, "b"), 256 * 512 * 4);
}

TEST(Nests, the_busiest_party_of_one_range_has_parts_of_outer_iterations) {
    Parsed p = parse(R"(program p
  buffer x: dram f32[i: 3, j: 4, c: 16] input
  buffer y: dram f32[i: 3, j: 4, c: 16] output
  run k(x -> y)

kernel k(x -> y)
  parallel i: 3 core
    claim row: l1 f32[j_1: 4, c_1: 16] <- x[i,j_1,c_1]
    parallel j: 4 core
      move y[i,j,c] <- row[j,c] over c: 16
)");
    auto trips = [&](int64_t parties) {
        const Nest nest = nest_of(p.program, *p.kernel, parties);
        const auto& outer = nest.root.children.at(0);
        return std::pair(outer.loop.trips, outer.children.at(0).loop.trips);
    };
    EXPECT_EQ(trips(1), std::pair(3.0, 4.0));
    EXPECT_EQ(trips(2), std::pair(1.5, 4.0));  // 6 of 12
    EXPECT_EQ(trips(5), std::pair(1.0, 3.0));  // 3 of 12
}

TEST(Misses, parties_that_share_a_cache_share_its_room) {
    Parsed p = parse(kMatmul);
    Nest nest = nest_of(p.program, *p.kernel);
    // One row block needs 536 KiB (b whole, 8 of a, 16 of y): it fits 600 KiB alone; two at once
    // need twice that by this count, so each works in half, and b comes for every row block.
    EXPECT_EQ(total(nest, misses(nest, 600 << 10, 64, 1), "b"), 256 * 512 * 4);
    EXPECT_EQ(total(nest, misses(nest, 600 << 10, 64, 2), "b"), 16.0 * 256 * 512 * 4);
}

TEST(Misses, a_claim_costs_what_the_slice_behind_it_costs) {
    std::string text = kMatmul;
    size_t at = text.find("    for n0");
    text.insert(at, "    claim rows: l2 f32[m: 8, k: 256] <- a[m0*8+m,k]\n");
    at = text.find("a[m0*8+m,k] * b");
    text.replace(at, 11, "rows[m,k]");
    Parsed p = parse(text);
    Nest nest = nest_of(p.program, *p.kernel);
    EXPECT_EQ(nest.arrays.size(), 3u);
    EXPECT_EQ(total(nest, misses(nest, 32 << 10, 64), "a"), 128 * 256 * 4);
}

TEST(Misses, a_window_that_slides_brings_only_what_is_new) {
    Parsed p = parse(R"(program p
  buffer x: dram f32[h: 58, w: 64] input
  buffer y: dram f32[h: 56, w: 64] output
  run blur(x -> y)

kernel blur(x -> y)
  parallel h: 56 core
    let t: reg f32[w: 64 lanes]
    fill t[w] <- 0.0
    for r: 3
      binary add t[w] <- t[w], x[h+r,w]
    move y[h,w] <- t[w]
)");
    Nest nest = nest_of(p.program, *p.kernel);
    EXPECT_EQ(total(nest, misses(nest, 4 << 10, 64), "x"), 58 * 64 * 4);
    // Too small for three rows and one of y: each row is read three times.
    EXPECT_EQ(total(nest, misses(nest, 512, 64), "x"), 3 * 56 * 64 * 4);
}

TEST(Misses, what_every_turn_touches_stays_while_the_rest_streams_past) {
    Parsed p = parse(R"(program p
  buffer x: dram f32[v: 64] input
  buffer z: dram f32[i: 64, v: 64] input
  buffer y: dram f32[v: 64] output
  run k(x, z -> y)

kernel k(x, z -> y)
  let t: reg f32[v: 64 lanes]
  fill t[v] <- 0.0
  for j: 8, i: 64
    binary add t[v] <- x[v], z[i,v]
  move y[v] <- t[v]
)");
    Nest nest = nest_of(p.program, *p.kernel);
    // Two turns of i (256 bytes of x, 256 of z) fit 2 KiB, one of j (16 KiB of z) does not.
    auto bytes = misses(nest, 2 << 10, 64);
    EXPECT_EQ(total(nest, bytes, "x"), 64 * 4);
    EXPECT_EQ(total(nest, bytes, "z"), 8.0 * 64 * 64 * 4);
}

TEST(Misses, gathered_rows_are_no_more_than_are_asked_for) {
    Parsed p = parse(R"(program p
  buffer table: dram f32[v: 1000, e: 64] weight
  buffer ids: dram i64[i: 10] input
  buffer y: dram f32[i: 10, e: 64] output
  run g(table, ids -> y)

kernel g(table, ids -> y)
  parallel i: 10 core
    let id: reg i64[]
    move id[] <- ids[i]
    move y[i,e] <- table[id[],e] over e: 64
)");
    Nest nest = nest_of(p.program, *p.kernel);
    double bytes = total(nest, misses(nest, 1 << 20, 64), "table");
    EXPECT_GE(bytes, 64 * 4);
    EXPECT_LE(bytes, 10 * 64 * 4);
}

}  // namespace
}  // namespace smeaton::cost
