#include "gir/cache/holders.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "gir/text/parse.h"
#include "gir/walk.h"

namespace smeaton::gir::cache {
namespace {

constexpr uint64_t kFirst = 1, kSecond = 2, kBoth = 3;

struct Met {
    explicit Met(const std::string& text, int threads) {
        const Program program = parse_program(text, "test.gir");
        for (const KernelPtr& kernel : kernels(program)) {
            const Nest nest = nest_of(program, *kernel);
            const std::vector<Meeting> meetings = meetings_of(program, nest, threads);
            for (size_t i = 0; i < nest.arrays.size(); ++i)
                of[kernel->name.str() + " " + nest.arrays[i].name.str()] = meetings[i];
        }
    }
    std::map<std::string, Meeting> of;
};

int count(const Holders& holders, uint64_t who) {
    int n = 0;
    for (uint64_t h : holders) n += h == who;
    return n;
}

// 64 rows of 16 floats: a place is a row.
const char* const kRowsThenColumns = R"(program p
  buffer x: dram f32[h: 64, w: 16] input
  buffer t: dram f32[h: 64, w: 16] temp
  buffer y: dram f32[h: 64, w: 16] output
  buffer z: dram f32[h: 64, w: 16] output
  run rows(x -> t)
  run again(t -> y)
  run alone(t -> z)

kernel rows(x -> t)
  parallel h: 64 core
    move t[h,w] <- x[h,w] over w: 16

kernel again(t -> y)
  parallel w: 2, h: 64 core
    move y[h,w*8+v] <- t[h,w*8+v] over v: 8

kernel alone(t -> z)
  move z[h,w] <- t[h,w] over h: 64, w: 16
)";

TEST(Holders, threads_have_equal_parts_of_a_phase) {
    const Met met(kRowsThenColumns, 2);
    const Meeting& t = met.of.at("rows t");
    EXPECT_EQ(count(t.written, kFirst), 32);
    EXPECT_EQ(count(t.written, kSecond), 32);
    EXPECT_EQ(t.written[31], kFirst);
    EXPECT_EQ(t.written[32], kSecond);
    EXPECT_EQ(count(t.read, 0), 64);
}

TEST(Holders, nested_parallels_are_one_range_and_code_outside_is_the_first_thread_s) {
    const Met met(kRowsThenColumns, 2);
    // The outer one has two turns, one for each thread: a place in the middle of a row, column 8,
    // is the second's in each row.
    EXPECT_EQ(count(met.of.at("again t").read, kSecond), 64);
    EXPECT_EQ(count(met.of.at("alone t").read, kFirst), 64);
}

TEST(Holders, what_another_wrote_does_not_lie_at_home) {
    const Met met(kRowsThenColumns, 2);
    Holders holders{};
    meet(holders, met.of.at("rows t"));
    // The reader of the same rows finds all; the second thread alone, its half; the first, its own.
    EXPECT_EQ(share_at_home({met.of.at("rows t").written, {}}, holders, 2, 1), 1);
    EXPECT_EQ(share_at_home(met.of.at("again t"), holders, 2, 1), 0.5);
    EXPECT_EQ(share_at_home(met.of.at("alone t"), holders, 2, 1), 0.5);
    // Two cores that share the cache are at home in each other's part.
    EXPECT_EQ(share_at_home(met.of.at("again t"), holders, 2, 2), 1);
    // Once read, it lies with the reader as well; a writer has it alone.
    meet(holders, met.of.at("alone t"));
    EXPECT_EQ(share_at_home(met.of.at("alone t"), holders, 2, 1), 1);
    EXPECT_EQ(count(holders, kBoth), 32);
    meet(holders, met.of.at("rows t"));
    EXPECT_EQ(count(holders, kBoth), 0);
}

// A window of three rows: at the border of the parts both threads read, and of weights all.
TEST(Holders, borders_of_parts_are_read_by_both) {
    const Met met(R"(program p
  buffer x: dram f32[h: 66, w: 16] input
  buffer b: dram f32[w: 64] weight
  buffer y: dram f32[h: 64, w: 16] output
  run conv(x, b -> y)

kernel conv(x, b -> y)
  parallel h: 64 core
    for r: 3
      binary add y[h,w] <- x[h+r,w], b[w] over w: 16
)",
                  2);
    // Rows 32 and 33 are the first thread's last ones and the second's first.
    EXPECT_EQ(count(met.of.at("conv x").read, kBoth), 2);
    // Of 64 floats the kernel reads 16, in each row.
    EXPECT_EQ(count(met.of.at("conv b").read, kBoth), 16);
    EXPECT_EQ(count(met.of.at("conv b").read, 0), 48);
}

// Channels innermost in memory, the outer parallel over blocks of them: each row is cut in two.
TEST(Holders, follow_the_layout) {
    const Met met(R"(program p
  buffer x: dram f32[c: 32, h: 4, w: 4] input [h, w, c]
  buffer y: dram f32[c: 32, h: 4, w: 4] output [h, w, c]
  run relu(x -> y)

kernel relu(x -> y)
  parallel c0: 2, h: 4 core
    unary relu y[c0*16+c,h,w] <- x[c0*16+c,h,w] over w: 4, c: 16
)",
                  2);
    // Places are 8 floats apart: two of one thread, two of the other.
    const Holders& y = met.of.at("relu y").written;
    for (size_t i = 0; i < kPlaces; ++i) EXPECT_EQ(y[i], i / 2 % 2 == 0 ? kFirst : kSecond) << i;
}

}  // namespace
}  // namespace smeaton::gir::cache
