#include "driver/search/least_by_part.h"

#include <gtest/gtest.h>

namespace smeaton::driver {
namespace {

TEST(LeastByPart, PhasesAndKernelsTakeTheLeastOfEachWay) {
    LeastByPart least;
    least.add(0, {{"a", "forward", 10}, {"b", "forward", 4}, {"c", "backward", 7}});
    least.add(0, {{"a", "forward", 6}, {"b", "forward", 9}, {"c", "backward", 5}});
    const Resplit phases = least.phases(), kernels = least.kernels();
    EXPECT_EQ(phases.parts, 2u);
    EXPECT_EQ(phases.objective, 14 + 5);  // a + b are 14 and 15
    EXPECT_EQ(kernels.parts, 3u);
    EXPECT_EQ(kernels.objective, 6 + 4 + 5);
}

TEST(LeastByPart, KernelsOfTwoProgramsAreNotMixed) {
    LeastByPart least;
    least.add(0, {{"a", "inference", 10}, {"b", "inference", 4}});
    least.add(0, {{"a+b", "inference", 11}});
    EXPECT_EQ(least.phases().objective, 11);
    EXPECT_EQ(least.kernels().objective, 11);
    least.add(0, {{"a", "inference", 6}, {"b", "inference", 9}});
    EXPECT_EQ(least.phases().objective, 11);
    EXPECT_EQ(least.kernels().objective, 10);
    EXPECT_EQ(least.kernels().parts, 2u);
}

TEST(LeastByPart, WorkloadsAreParts) {
    LeastByPart least;
    least.add(0, {{"a", "inference", 3}});
    least.add(1, {{"a", "inference", 5}});
    EXPECT_EQ(least.phases().parts, 2u);
    EXPECT_EQ(least.phases().objective, 8);
}

}  // namespace
}  // namespace smeaton::driver
