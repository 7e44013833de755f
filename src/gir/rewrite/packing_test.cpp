// Which operands of a contraction that change from run to run are laid out anew in each.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include "gir/common_cpu.h"
#include "gir/rewrite/test_programs.h"
#include "gir/rewrite/tile.h"

namespace smeaton::gir::rewrite {
namespace {

/// y[m, n] = x[m, k] w[k, n]; w is a state.
Program product(int64_t m, int64_t k, int64_t n) {
    return program_of(fmt::format(R"(program product
  buffer x: memory f32[m: {0}, k: {1}] input
  buffer w: memory f32[k: {1}, n: {2}] state
  buffer y: memory f32[m: {0}, n: {2}] output
  run product(x, w -> y)

kernel product(x, w -> y)
  parallel m: {0}, n: {2} any
    let acc: local f32[]
    fill acc[] <- 0.0
    mma acc[] += x[m,k] * w[k,n] over k: {1}
    move y[m,n] <- acc[]
)",
                                  m, k, n));
}

bool packs(const Program& program) {
    return tile(program, common_cpu(64, 32, 1)).find_buffer("w_packed") != nullptr;
}

TEST(Packing, of_rows_that_meet_in_few_sets_of_a_cache) {
    // Rows of w are 48 lines apart, panels take 3 of each: they meet in 3 of 16 sets.
    EXPECT_TRUE(packs(product(512, 3072, 768)));
    // An odd number of lines apart they meet in all of them: a panel stays in its cache.
    EXPECT_FALSE(packs(product(512, 3072, 784)));
}

TEST(Packing, must_be_earned_back_by_passes) {
    EXPECT_FALSE(packs(product(64, 3072, 768)));
    EXPECT_TRUE(packs(product(2048, 3072, 784)));  // whatever its rows are like
}

TEST(Packing, is_nothing_for_panels_that_fit_all_the_same) {
    EXPECT_FALSE(packs(product(512, 64, 768)));
}

}  // namespace
}  // namespace smeaton::gir::rewrite
