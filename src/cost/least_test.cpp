#include "cost/least.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "gir/text/parse.h"

namespace smeaton::cost {
namespace {

constexpr int kWeightBytes = 4 * 8 * 16;

/// Of a product of `a` with `b`, which are of those lifetimes, behind what is done before.
double read_bytes(const std::string& a, const std::string& b, const std::string& before = "",
                  const std::string& kernels = "", const std::string& within = "") {
    const gir::Program program = gir::parse_program(fmt::format(R"(program p
  buffer a: memory f32[m: 4, k: 8] {}
  buffer b: memory f32[k: 8, n: 16] {}
  buffer y: memory f32[m: 4, n: 16] output
{}  run product(a, b -> y)

kernel product(a, b -> y)
  parallel m: 4, n: 16 any
    let sum: local f32[]
    fill sum[] <- 0.0
    mma sum[] += a[m,k] * b[k,n]{} over k: 8
    move y[m,n] <- sum[]
{})",
                                                                a, b, before, within, kernels),
                                                    "test.gir");
    return least_of(program).read_bytes;
}

TEST(Least, a_weight_is_read_whatever_holds_it_before_the_run) {
    for (const char* held : {"weight", "input", "state"}) {
        EXPECT_EQ(read_bytes("input", held), kWeightBytes) << held;
        EXPECT_EQ(read_bytes("state", held), kWeightBytes) << held;
    }
}

TEST(Least, of_two_weights_the_product_may_be_made_at_load) {
    EXPECT_EQ(read_bytes("weight", "weight"), 0);
    EXPECT_EQ(read_bytes("weight", "state"), kWeightBytes);
}

TEST(Least, what_the_run_has_made_need_never_lie_in_memory) {
    const std::string fills = R"(
kernel fills(a -> b)
  parallel k: 8, n: 16 any
    move b[k,n] <- a[0,k]
)";
    for (const char* held : {"temp", "state"})
        EXPECT_EQ(read_bytes("input", held, "  run fills(a -> b)\n", fills), 0) << held;
}

TEST(Least, elements_that_bounds_leave_out_are_not_counted) {
    EXPECT_EQ(read_bytes("input", "weight", "", "", " within (0 <= k-1 < 8)"), 0);
}

}  // namespace
}  // namespace smeaton::cost
