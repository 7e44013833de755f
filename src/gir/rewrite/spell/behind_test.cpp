#include "gir/rewrite/spell/behind.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gir/common_cpu.h"
#include "gir/rewrite/spell/spell.h"
#include "gir/text/parse.h"
#include "gir/text/print.h"
#include "gir/verify/verify.h"

namespace smeaton::gir::rewrite {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// A product by tiles of 14 rows and 32 columns, a sum with what lies in `z` behind it.
std::string product(int rows, int sums, const std::string& loops) {
    return fmt::format(R"(program p
  buffer x: dram f32[m: {0}, c: {1}] input
  buffer w: dram f32[c: {1}, n: 256] input
  buffer z: dram f32[m: {0}, n: 256] input
  buffer y: dram f32[m: {0}, n: 256] output
  run k(x, w, z -> y)

kernel k(x, w, z -> y)
  parallel n0: 8 core
    for m0: {2}
      let acc: reg f32[m: 14, n: 32 lanes]
      fill acc[m,n] <- 0.0
      {3}
      let t: reg f32[m: 14, n: 32 lanes]
      binary add t[m,n] <- acc[m,n], z[m0*14+m,n0*32+n]
      move y[m0*14+m,n0*32+n] <- t[m,n]
)",
                       rows, sums, rows / 14, loops);
}

std::string spelled(const std::string& text) {
    Program made = spell(parse_program(text, "p.gir"), common_cpu());
    EXPECT_THAT(find_faults(made), testing::IsEmpty());
    return print(made);
}

constexpr const char* kBySixtyFour = R"(for c0: 32
        mma acc[m,n] += x[m0*14+m,c0*2+c] * w[c0*2+c,n0*32+n] over c: 2, m: 14, n: 32)";

TEST(RowsAhead, of_the_next_tile_are_spread_over_the_sum) {
    std::string text = spelled(product(1400, 64, kBySixtyFour));
    EXPECT_THAT(text, HasSubstr(R"(for c0_2: 16
        prefetch z at m0*3584+c0_2*256+n0*32+3584 lines 2 by 16 to l2
        prefetch y at m0*3584+c0_2*256+n0*32+3584 lines 2 by 16 to l2
        for c0: 2
)"));
}

TEST(RowsAhead, two_a_turn_where_the_loop_has_seven) {
    std::string text = spelled(product(1400, 56, R"(for c0: 7
        mma acc[m,n] += x[m0*14+m,c0*8+c] * w[c0*8+c,n0*32+n] over c: 8, m: 14, n: 32)"));
    EXPECT_THAT(text, HasSubstr(R"(for c0: 7
        prefetch z at m0*3584+c0*512+n0*32+3584 lines 2 by 16 to l2
        prefetch z at m0*3584+c0*512+n0*32+3840 lines 2 by 16 to l2
)"));
}

TEST(RowsAhead, what_the_second_cache_holds_needs_none) {
    EXPECT_THAT(spelled(product(140, 64, kBySixtyFour)), Not(HasSubstr("prefetch y")));
}

TEST(RowsAhead, short_sums_are_left_alone) {
    std::string text = spelled(product(1400, 32, R"(for c0: 16
        mma acc[m,n] += x[m0*14+m,c0*2+c] * w[c0*2+c,n0*32+n] over c: 2, m: 14, n: 32)"));
    EXPECT_THAT(text, Not(HasSubstr("prefetch y")));
}

TEST(RowsAhead, a_loop_that_cannot_be_shared_out_stays) {
    std::string text = spelled(product(1400, 74, R"(for c0: 37
        mma acc[m,n] += x[m0*14+m,c0*2+c] * w[c0*2+c,n0*32+n] over c: 2, m: 14, n: 32)"));
    EXPECT_THAT(text, Not(HasSubstr("prefetch y")));
}

}  // namespace
}  // namespace smeaton::gir::rewrite
