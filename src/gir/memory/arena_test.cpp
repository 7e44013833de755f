#include "gir/memory/arena.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "gir/text/parse.h"
#include "gir/walk.h"

namespace smeaton::gir {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// No two entries that live at the same step share bytes.
void expect_apart(const ArenaPlan& plan) {
    for (size_t i = 0; i < plan.entries.size(); ++i) {
        for (size_t j = 0; j < i; ++j) {
            const ArenaEntry &a = plan.entries[i], &b = plan.entries[j];
            if (a.first > b.last || b.first > a.last) continue;
            EXPECT_TRUE(a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset);
        }
    }
}

// A chain x -> a -> b -> c -> y of copies over 100 floats.
std::string chain(const std::string& layout_a, const std::string& layout_c) {
    return R"(program p
  buffer x: memory f32[i: 10, j: 10] input
  buffer a: memory f32[i: 10, j: 10] temp )" +
           layout_a + R"(
  buffer b: memory f32[i: 10, j: 10] temp
  buffer c: memory f32[i: 10, j: 10] temp )" +
           layout_c + R"(
  buffer d: memory f32[i: 10, j: 10] temp
  buffer y: memory f32[i: 10, j: 10] output
  run k1(x -> a)
  run k2(a -> b)
  run k3(b -> c)
  run k4(c -> d)
  run k5(d -> y)

kernel k1(x -> a)
  move a[i,j] <- x[i,j] over i: 10, j: 10

kernel k2(a -> b)
  move b[i,j] <- a[i,j] over i: 10, j: 10

kernel k3(b -> c)
  move c[i,j] <- b[i,j] over i: 10, j: 10

kernel k4(c -> d)
  move d[i,j] <- c[i,j] over i: 10, j: 10

kernel k5(d -> y)
  move y[i,j] <- d[i,j] over i: 10, j: 10
)";
}

TEST(Arena, a_chain_needs_two_buffers_at_a_time) {
    ArenaPlan plan = plan_arena(parse_program(chain("", ""), "test"));
    expect_apart(plan);
    EXPECT_EQ(plan.lower_bound_bytes, 800);
    EXPECT_EQ(plan.arena_bytes, 2 * 448);
    EXPECT_EQ(plan.offsets.size(), 4u);
    EXPECT_EQ(plan.offsets["a"], plan.offsets["c"]);
    EXPECT_THAT(plan.needs_border_fill, IsEmpty());
}

TEST(Arena, borders_survive_between_equal_layouts_only) {
    std::string bordered = "[1+i+1, 1+j+1] border 0.0";
    ArenaPlan equal = plan_arena(parse_program(chain(bordered, bordered), "test"));
    expect_apart(equal);
    EXPECT_EQ(equal.offsets["a"], equal.offsets["c"]);
    EXPECT_THAT(equal.needs_border_fill, IsEmpty());
    ArenaPlan other_value =
        plan_arena(parse_program(chain(bordered, "[1+i+1, 1+j+1] border 1.0"), "test"));
    EXPECT_THAT(other_value.needs_border_fill, ElementsAre("a", "c"));
    ArenaPlan dense = plan_arena(parse_program(chain(bordered, ""), "test"));
    EXPECT_THAT(dense.needs_border_fill, ElementsAre("a"));
}

TEST(Arena, scratch_lives_for_its_step) {
    MemoryOptions options;
    options.scratch_bytes = [](const Kernel& k) { return k.name == Name("k3") ? 1000 : 0; };
    ArenaPlan plan = plan_arena(parse_program(chain("", ""), "test"), options);
    expect_apart(plan);
    EXPECT_EQ(plan.lower_bound_bytes, 1800);
    ASSERT_EQ(plan.scratch_offsets.size(), 1u);
    EXPECT_EQ(plan.scratch_offsets.begin()->first, 2);
}

TEST(Arena, aliases_share_bytes_and_once_temps_are_kept_apart) {
    Program p = parse_program(R"(program p
  buffer x: memory f32[i: 64] input
  buffer w: memory f32[i: 64] input
  buffer t: memory f32[i: 64] temp
  buffer u: memory f32[a: 8, b: 8] temp alias of t
  buffer raw: memory f32[i: 64] temp
  buffer packed: memory f32[i: 64] temp
  buffer y: memory f32[i: 64] output
  once run pack0(w -> raw)
  once run pack1(raw -> packed)
  run k1(x, packed -> t)
  run k2(u -> y)

kernel pack0(w -> raw)
  move raw[i] <- w[i] over i: 64

kernel pack1(raw -> packed)
  move packed[i] <- raw[i] over i: 64

kernel k1(x, packed -> t)
  binary add t[i] <- x[i], packed[i] over i: 64

kernel k2(u -> y)
  move y[a*8+b] <- u[a,b] over a: 8, b: 8
)",
                              "test");
    ArenaPlan plan = plan_arena(p);
    EXPECT_EQ(plan.arena_bytes, 256);
    EXPECT_EQ(plan.offsets.at("t"), plan.offsets.at("u"));
    EXPECT_THAT(plan.kept, ElementsAre("packed"));
    EXPECT_EQ(plan.kept_bytes, 256);
    ArenaPlan load = plan_arena(p, {}, true);
    EXPECT_EQ(load.offsets.size(), 1u);
    EXPECT_EQ(load.offsets.count("raw"), 1u);
}

TEST(Arena, what_a_loop_carries_lives_through_it) {
    Program p = parse_program(R"(program p
  buffer x: memory f32[] input
  buffer it: memory i64[] temp
  buffer s: memory f32[] temp
  buffer t: memory f32[] temp
  buffer s2: memory f32[] temp
  buffer y: memory f32[] output
  run first(x -> s)
  repeat it trips 3 carry s2 to s
    run step1(s -> t)
    run step2(t -> s2)
  run last(s -> y)

kernel first(x -> s)
  move s[] <- x[]

kernel step1(s -> t)
  move t[] <- s[]

kernel step2(t -> s2)
  move s2[] <- t[]

kernel last(s -> y)
  move y[] <- s[]
)",
                              "test");
    ArenaPlan plan = plan_arena(p);
    expect_apart(plan);
    std::map<Name, std::pair<int, int>> lives;
    for (const ArenaEntry& e : plan.entries) lives[e.buffers[0]] = {e.first, e.last};
    EXPECT_EQ(lives["s"], std::make_pair(0, 5));
    EXPECT_EQ(lives["s2"], std::make_pair(1, 4));
    EXPECT_EQ(lives["it"], std::make_pair(1, 4));
    EXPECT_EQ(lives["t"], std::make_pair(2, 3));
    std::vector<int> positions;
    for_each_step(p, [&](int position, const Step&) { positions.push_back(position); });
    EXPECT_THAT(positions, ElementsAre(0, 1, 2, 3, 5));
}

TEST(Arena, random_lifetimes_pack_close_to_the_lower_bound) {
    std::mt19937 rng(5);
    double worst = 0;
    for (int round = 0; round < 30; ++round) {
        std::vector<LiveRange> ranges;
        for (int i = 0; i < 150; ++i) {
            int first = static_cast<int>(rng() % 150), length = static_cast<int>(rng() % 6);
            ranges.push_back({64 * (1 + static_cast<int64_t>(rng() % 500)), first, first + length});
        }
        std::vector<int64_t> offsets;
        int64_t bytes = pack(ranges, 64, offsets);
        for (size_t i = 0; i < ranges.size(); ++i)
            for (size_t j = 0; j < i; ++j)
                if (ranges[i].first <= ranges[j].last && ranges[j].first <= ranges[i].last) {
                    ASSERT_TRUE(offsets[i] + ranges[i].bytes <= offsets[j] ||
                                offsets[j] + ranges[j].bytes <= offsets[i]);
                }
        int64_t bound = max_live_bytes(ranges);
        EXPECT_GE(bytes, bound);
        worst = std::max(worst, static_cast<double>(bytes) / static_cast<double>(bound));
    }
    EXPECT_LT(worst, 1.15);
}

TEST(Arena, tiles_of_a_parallel_count_once_per_unit) {
    Program p = parse_program(R"(program p
  buffer x: dram f32[i: 8, j: 32] input
  buffer y: dram f32[i: 8, j: 32] output
  run k(x -> y)

kernel k(x -> y)
  let shared: l2 f32[j: 32]
  claim claim: l2 f32[j: 32] <- x[0,j]
  move shared[j] <- claim[j]
  parallel i: 8 core
    let row: l1 f32[j: 32]
    let r: reg f32[j: 32]
    move row[j] <- x[i,j]
    binary add r[j] <- row[j], shared[j]
    move y[i,j] <- r[j]
)",
                              "test");
    const Kernel& k = *kernels(p)[0];
    EXPECT_EQ(tile_bytes(k, {"l1", "l2"}, 4), 128 + 4 * 128);
    EXPECT_EQ(tile_bytes(k, {"l1"}, 16), 8 * 128);
}

// Two branches of copies that meet: x -> a -> b, x -> c -> d, y = b + d.
const char* const kBranches = R"(program p
  buffer x: memory f32[i: 100] input
  buffer a: memory f32[i: 100] temp
  buffer b: memory f32[i: 100] temp
  buffer c: memory f32[i: 100] temp
  buffer d: memory f32[i: 100] temp
  buffer y: memory f32[i: 100] output
  run k1(x -> a)
  run k2(a -> b)
  run k3(x -> c)
  run k4(c -> d)
  run k5(b, d -> y)

kernel k1(x -> a)
  move a[i] <- x[i] over i: 100

kernel k2(a -> b)
  move b[i] <- a[i] over i: 100

kernel k3(x -> c)
  move c[i] <- x[i] over i: 100

kernel k4(c -> d)
  move d[i] <- c[i] over i: 100

kernel k5(b, d -> y)
  binary add y[i] <- b[i], d[i] over i: 100
)";

TEST(Arena, list_order_given_as_a_relation_is_the_arena_of_list_order) {
    const Program program = parse_program(kBranches, "test");
    MemoryOptions options;
    options.before = [](int a, int b) { return a < b; };
    ArenaPlan plain = plan_arena(program), told = plan_arena(program, options);
    EXPECT_EQ(told.offsets, plain.offsets);
    EXPECT_EQ(told.arena_bytes, plain.arena_bytes);
    EXPECT_EQ(plain.arena_bytes, 3 * 448);
}

TEST(Arena, temps_of_steps_that_may_run_side_by_side_share_nothing) {
    const Program program = parse_program(kBranches, "test");
    MemoryOptions options;
    // {k1, k2} and {k3, k4} know nothing of each other.
    options.before = [](int a, int b) { return a < b && (b == 4 || a / 2 == b / 2); };
    ArenaPlan plan = plan_arena(program, options);
    EXPECT_EQ(plan.arena_bytes, 4 * 448);
    EXPECT_EQ(plan.lower_bound_bytes, 3 * 400);
    options.before = [](int, int) { return false; };
    EXPECT_EQ(plan_arena(program, options).arena_bytes, 4 * 448);
}

}  // namespace
}  // namespace smeaton::gir
