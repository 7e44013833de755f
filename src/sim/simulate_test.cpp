#include "sim/simulate.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "cost/target.h"
#include "gir/rewrite/spell/spell.h"
#include "gir/text/parse.h"
#include "machine/read.h"
#include "sim/residency.h"

namespace smeaton::sim {
namespace {

TEST(Residency, what_was_used_last_is_held_first) {
    Residency r;
    r.touch("a", 100);
    r.touch("b", 100);
    EXPECT_EQ(r.held("b", 100, 0), 1);
    EXPECT_EQ(r.held("a", 100, 0), 0);
    EXPECT_EQ(r.held("a", 200, 0), 1);
    EXPECT_EQ(r.held("c", 1000, 0), 0);
}

TEST(Residency, other_traffic_while_reading_pushes_the_rest_out) {
    Residency r;
    r.touch("a", 100);
    EXPECT_EQ(r.held("a", 150, 100), 0.5);
    EXPECT_EQ(r.held("a", 300, 100), 1);
}

TEST(Residency, a_temp_takes_the_place_of_a_dead_one) {
    Residency r;
    r.touch("a", 100);
    r.release("a");
    r.claim("b", 80);
    EXPECT_EQ(r.held("b", 100, 0), 1);  // the bytes that a left
    r.claim("c", 80);
    EXPECT_EQ(r.held("c", 1000, 0), 0);  // a place of its own, never used
}

TEST(Residency, knows_how_long_a_buffer_has_lain_idle) {
    Residency r;
    r.touch("a", 100, 7);
    EXPECT_EQ(r.idle_us("a", 12), 5);
    EXPECT_EQ(r.idle_us("b", 12), 0);
}

TEST(Residency, a_temp_is_met_where_the_dead_one_was) {
    Residency r;
    gir::cache::Meeting by_second;
    by_second.written.fill(2);
    r.touch("a", 100);
    r.meet("a", 100, by_second);
    r.release("a");
    r.claim("b", 50);
    EXPECT_EQ(r.holders("b", 50), by_second.written);
    // Of a buffer twice as large as what was met there, the first half.
    EXPECT_EQ(r.holders("b", 200)[31], 2u);
    EXPECT_EQ(r.holders("b", 200)[32], 0u);
}

machine::Machine edge() {
    return machine::read_machine_file(std::string(SMEATON_SOURCE_DIR) + "/machines/edge-cpu.yaml");
}

// 128 KiB each: x and z from outside, t between the kernels; all fit the cache of 2 MiB.
const char* const kTwo = R"(program two
  buffer w: dram f32[i: 32768] weight
  buffer p: dram f32[i: 32768] temp
  buffer x: dram f32[i: 32768] input
  buffer t: dram f32[i: 32768] temp
  buffer z: dram f32[i: 32768] output
  once run pack(w -> p)
  run first(x, p -> t)
  run second(t -> z)

kernel pack(w -> p)
  parallel i: 512 core
    move p[i*64+v] <- w[i*64+v] over v: 64

kernel first(x, p -> t) from Add_0
  parallel i: 512 core
    binary add t[i*64+v] <- x[i*64+v], p[i*64+v] over v: 64

kernel second(t -> z) from Relu_1
  parallel i: 512 core
    unary relu z[i*64+v] <- t[i*64+v] over v: 64
)";

gir::Program spelled(const char* text) {
    return gir::rewrite::spell(gir::parse_program(text, "two.gir"), cost::target_of(edge()));
}

TEST(Simulate, sums_the_kernels_of_a_run_and_keeps_those_at_load_apart) {
    ProgramCost cost = simulate(spelled(kTwo), edge(), {1, 0});
    ASSERT_EQ(cost.kernels.size(), 3u);
    EXPECT_TRUE(cost.kernels[0].once);
    EXPECT_EQ(cost.kernels[0].name, "pack");
    EXPECT_EQ(cost.threads, 1);
    EXPECT_DOUBLE_EQ(cost.time_us.value,
                     cost.kernels[1].time_us.value + cost.kernels[2].time_us.value);
    EXPECT_DOUBLE_EQ(cost.once_us.value, cost.kernels[0].time_us.value);
    EXPECT_EQ(cost.flops, 2 * 32768);
    EXPECT_LE(cost.time_us.low, cost.time_us.value);
    EXPECT_LE(cost.time_us.value, cost.time_us.high);
}

double dram_bytes(const cost::KernelCost& k) {
    return k.levels.back().read_bytes + k.levels.back().write_bytes;
}

TEST(Simulate, what_fits_the_last_cache_from_run_to_run_never_goes_to_memory) {
    ProgramCost cost = simulate(spelled(kTwo), edge(), {1, 0});
    EXPECT_EQ(cost.kernels[1].levels.back().name, "dram");
    EXPECT_EQ(dram_bytes(cost.kernels[1]), 0);
    EXPECT_EQ(dram_bytes(cost.kernels[2]), 0);
    EXPECT_GT(dram_bytes(cost.kernels[0]), 0);  // at load nothing is there yet
}

TEST(Simulate, what_does_not_fit_is_fetched_and_written_each_time) {
    machine::Machine m = edge();
    for (machine::Level& level : m.levels)
        if (level.name == "l3" || level.name == "l2")
            level.capacity_bytes = machine::Number(96 * 1024);
    ProgramCost cost = simulate(spelled(kTwo), m, {1, 0});
    EXPECT_EQ(dram_bytes(cost.kernels[1]), 3 * 131072);
    EXPECT_EQ(dram_bytes(cost.kernels[2]), 2 * 131072);
}

double between_l2_and_l3(const cost::KernelCost& k) {
    for (const cost::LevelCost& l : k.levels)
        if (l.name == "l3") return l.read_bytes;
    return -1;
}

TEST(Simulate, what_another_core_wrote_comes_through_the_level_that_they_share) {
    // The second kernel takes what the first wrote: the same rows, or the other way round.
    std::string text = kTwo;
    machine::Machine m = edge();
    for (machine::Level& level : m.levels)
        if (level.name == "l2") level.capacity_bytes = machine::Number(1 << 20);
    EXPECT_EQ(between_l2_and_l3(simulate(spelled(text.c_str()), m, {4, 0}).kernels[2]), 0);
    const std::string straight = "unary relu z[i*64+v] <- t[i*64+v]";
    text.replace(text.find(straight), straight.size(),
                 "unary relu z[32704-i*64+v] <- t[32704-i*64+v]");
    EXPECT_EQ(between_l2_and_l3(simulate(spelled(text.c_str()), m, {4, 0}).kernels[2]), 131072);
    EXPECT_EQ(between_l2_and_l3(simulate(spelled(text.c_str()), m, {1, 0}).kernels[2]), 0);
}

TEST(Simulate, what_lies_idle_is_lost_to_neighbours) {
    machine::Machine m = edge();
    const ProgramCost alone = simulate(spelled(kTwo), m, {1, 0});
    auto with = [&](double kept_ms, double ways) {
        for (machine::Level& level : m.levels) {
            if (level.name != "l3") continue;
            level.kept_ms = machine::Number(kept_ms);
            if (ways > 0) level.ways = machine::Number(ways);
        }
        return simulate(spelled(kTwo), m, {1, 0});
    };
    auto read = [](const ProgramCost& c) { return c.kernels[1].levels.back().read_bytes; };
    // The first kernel wants x and p, 128 KiB each, that were used until the end of that kernel in
    // the run before: the second one's time ago, in which that used t and z, as much again. While
    // the cache's 2 MiB are all in one set, neighbours take a share of them, in proportion to that
    // time, and what is left holds all four or not.
    const double second_ms = alone.kernels[2].time_us.value * 1e-3;
    EXPECT_EQ(read(with(10 * second_ms, 0)), 0);
    EXPECT_EQ(read(with(second_ms / 4, 0)), 262144);
    // In sets of two ways half of all is gone when 1.67 arrivals are expected; with none or one
    // there, 2 MiB or one hold all four.
    const double kept_ms = 2 * second_ms;
    const ProgramCost two = with(kept_ms, 2);
    const double expected = two.kernels[2].time_us.value * 1e-3 / kept_ms * (2 - 1.0 / 3);
    // The run before, which the time was idle in, took a little longer or shorter.
    const double lost = 262144 * (1 - std::exp(-expected) * (1 + expected));
    EXPECT_NEAR(read(two), lost, lost / 10);
    EXPECT_GT(read(two), 26214);
}

TEST(Residency, neighbours_take_ways_of_sets) {
    machine::Level level;
    auto half = [](double room) { return room > 0.4 ? 1.0 : 0.0; };
    EXPECT_EQ(held_beside_others(1e9, level, half), 1);  // nobody else is there
    level.kept_ms = machine::Number(2);
    EXPECT_EQ(held_beside_others(1, level, half), 1);  // half of the room is left
    EXPECT_EQ(held_beside_others(1.5, level, half), 0);
    EXPECT_EQ(held_beside_others(3, level, [](double) { return 1.0; }), 0);
    // Half of all that nobody uses is gone after that time, however many ways.
    for (double ways : {1, 2, 16, 20}) {
        level.ways = machine::Number(ways);
        EXPECT_NEAR(held_beside_others(2, level, [](double) { return 1.0; }), 0.5, 0.02) << ways;
    }
    // Of 20 ways 19.67 would come in 2 ms: in half that time hardly a set has lost a line.
    EXPECT_GT(held_beside_others(1, level, [](double) { return 1.0; }), 0.99);
    EXPECT_LT(held_beside_others(4, level, [](double) { return 1.0; }), 0.01);
}

// 32 KiB each; the two kernels differ in names alone, and each reads through a view.
const char* const kViews = R"(program views
  buffer x: dram f32[i: 8192] input
  buffer z: dram f32[i: 8192] input
  buffer xs: dram f32[i: 8192] temp alias of x
  buffer zs: dram f32[i: 8192] temp alias of z
  buffer y: dram f32[i: 8192] output
  buffer w: dram f32[i: 8192] output
  run first(xs -> y)
  run second(zs -> w)

kernel first(xs -> y)
  parallel i: 128 core
    unary relu y[i*64+v] <- xs[i*64+v] over v: 64

kernel second(zs -> w)
  parallel i: 128 core
    unary relu w[i*64+v] <- zs[i*64+v] over v: 64
)";

TEST(Simulate, equal_kernels_are_charged_for_buffers_of_their_own) {
    machine::Machine m = edge();
    for (machine::Level& level : m.levels)
        if (level.name == "l3" || level.name == "l2")
            level.capacity_bytes = machine::Number(96 * 1024);
    ProgramCost cost = simulate(spelled(kViews), m, {1, 0});
    // x is there when the second kernel starts, z, which it reads, is not.
    EXPECT_EQ(dram_bytes(cost.kernels[0]), 2 * 32768);
    EXPECT_EQ(dram_bytes(cost.kernels[1]), 2 * 32768);
}

TEST(Simulate, more_threads_are_not_slower_on_work_this_large) {
    gir::Program program = spelled(kTwo);
    EXPECT_LT(simulate(program, edge(), {4, 0}).time_us.value,
              simulate(program, edge(), {1, 0}).time_us.value);
    EXPECT_EQ(simulate(program, edge()).threads, 4);
}

}  // namespace
}  // namespace smeaton::sim
