#include "gir/rewrite/layout_choice.h"

#include <gmock/gmock.h>

#include "gir/common_cpu.h"
#include "gir/rewrite/test_programs.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {
namespace {

/// Groups of channels change places and are convolved, each channel by itself.
Program shuffled_and_convolved() {
    return program_of(R"(program shuffled
  buffer x: memory f32[n: 1, g: 2, c: 8, h: 6, w: 5] input
  buffer z: memory f32[n: 1, c: 8, g: 2, h: 6, w: 5] temp
  buffer v: memory f32[n: 1, k: 16, h: 6, w: 5] temp alias of z
  buffer weight: memory f32[k: 16, u: 1, r: 3, s: 3] input
  buffer y: memory f32[n: 1, k: 16, h: 4, w: 3] temp
  buffer sums: memory f32[k: 16] output
  run turn(x -> z)
  run convolve(v, weight -> y)
  run add_up(y -> sums)

kernel turn(x -> z)
  parallel c: 8, g: 2, h: 6, w: 5 any
    move z[0,c,g,h,w] <- x[0,g,c,h,w]

kernel convolve(v, weight -> y)
  parallel k: 16, h: 4, w: 3 any
    let acc: local f32[]
    fill acc[] <- 0.0
    mma acc[] += v[0,k,h+r,w+s] * weight[k,0,r,s] over r: 3, s: 3
    move y[0,k,h,w] <- acc[]

kernel add_up(y -> sums)
  parallel k: 16 any
    let sum: local f32[]
    reduce add sum[] <- y[0,k,h,w] over h: 4, w: 3
    move sums[k] <- sum[]
)");
}

/// Convolutions of channels last cost one, others two; other kernels one, but `turn` what is said.
Rules rules_with(double turn) {
    Rules rules;
    rules.oracle = [=](const Program& program, const Kernel& kernel, Region*) {
        if (kernel.name == Name("turn")) return program.find_buffer("v") ? turn : 1.0;
        if (kernel.name != Name("convolve")) return 1.0;
        return program.buffer("v").layout.dense() ? 2.0 : 1.0;
    };
    rules.verify = true;
    return sized_for(common_cpu(), std::move(rules));
}

bool is_view(const Program& program) {
    return !program.buffer("v").alias_of.empty();
}

TEST(LayoutChoice, a_view_that_is_convolved_is_laid_out_where_that_costs_no_more) {
    const Program program = shuffled_and_convolved();
    const Program cheap = choose_layouts(program, common_cpu(), rules_with(1.5));
    EXPECT_FALSE(is_view(cheap));
    EXPECT_EQ(cheap.buffer("v").layout.dims.back().dim, 1);
    EXPECT_EQ(cheap.find_buffer("z"), nullptr);
    EXPECT_TRUE(means_the_same(program, cheap));
    EXPECT_TRUE(is_view(choose_layouts(program, common_cpu(), rules_with(2.5))));
    EXPECT_TRUE(is_view(choose_layouts(program, common_cpu(), sized_for(common_cpu()))));
}

TEST(LayoutChoice, of_a_view_that_was_refused_is_logged) {
    std::vector<RuleLog> log;
    Rules rules = rules_with(2.5);
    rules.log = &log;
    choose_layouts(shuffled_and_convolved(), common_cpu(), rules);
    ASSERT_FALSE(log.empty());
    EXPECT_EQ(log[0].what, "v as a buffer");
    EXPECT_THAT(log[0].refused, testing::HasSubstr("the price would rise from 3.00 to 3.50"));
}

}  // namespace
}  // namespace smeaton::gir::rewrite
