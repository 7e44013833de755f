#include "cost/line_rates.h"

#include <gtest/gtest.h>

namespace smeaton::cost {
namespace {

std::vector<double> rates(const std::vector<double>& lines, const std::vector<Flow>& flows) {
    std::vector<Line> all;
    for (double bytes_per_ns : lines) all.push_back({"line", bytes_per_ns});
    std::vector<const Flow*> going;
    for (const Flow& flow : flows) going.push_back(&flow);
    return LineRates(all).of(going);
}

TEST(LineRates, flows_that_meet_share_evenly) {
    EXPECT_EQ(rates({12}, {{100, {0}}, {1, {0}}, {7, {0}}}), (std::vector<double>{4, 4, 4}));
}

TEST(LineRates, who_is_held_up_elsewhere_leaves_the_rest) {
    EXPECT_EQ(rates({12, 3}, {{1, {0, 1}}, {1, {0}}}), (std::vector<double>{3, 9}));
}

TEST(LineRates, lines_fill_one_after_another) {
    // The first line is full at 2, the second at 5 of what is then left, the third at 14.
    EXPECT_EQ(rates({4, 7, 16}, {{1, {0, 1}}, {1, {0, 2}}, {1, {1}}, {1, {2}}}),
              (std::vector<double>{2, 2, 5, 14}));
}

TEST(LineRates, each_call_stands_for_itself) {
    LineRates rates({{"line", 6}});
    const Flow flow{1, {0}};
    EXPECT_EQ(rates.of({&flow, &flow}), (std::vector<double>{3, 3}));
    EXPECT_EQ(rates.of({&flow}), (std::vector<double>{6}));
}

}  // namespace
}  // namespace smeaton::cost
