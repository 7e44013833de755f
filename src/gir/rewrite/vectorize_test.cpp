#include "gir/rewrite/vectorize.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "gir/rewrite/nest.h"
#include "gir/rewrite/test_programs.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {
namespace {

/// Rows of x, channels innermost, go to y; a sum for each channel goes to one column of s.
Program sums_and_rows(int64_t rows) {
    return program_of(fmt::format(R"(program sums
  buffer x: memory f32[i: {0}, c: 32] input
  buffer y: memory f32[i: {0}, c: 32] output
  buffer s: memory f32[c: 32, k: 9] output
  run sums(x -> y, s)

kernel sums(x -> y, s)
  parallel c: 32 any
    let m: local f32[]
    reduce add m[] <- x[v,c] over v: {0}
    move s[c,4] <- m[]
    parallel i: {0} any
      move y[i,c] <- x[i,c]
)",
                                  rows));
}

Name lane_of(const Program& program) {
    const KernelPtr kernel = kernels(program).front();
    return lane_axis(program, nest_of(kernel->body.front(), true));
}

TEST(LaneAxis, few_elements_may_be_stored_across_it) {
    EXPECT_EQ(lane_of(sums_and_rows(256)), Name("c"));
}

TEST(LaneAxis, is_none_where_many_are_stored_across_it) {
    EXPECT_EQ(lane_of(sums_and_rows(16)), Name());
}

}  // namespace
}  // namespace smeaton::gir::rewrite
