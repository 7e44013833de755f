#include "driver/parallel/race.h"

#include <gtest/gtest.h>

#include <random>

namespace smeaton::driver {
namespace {

// Ways that take so much of the first one's time, on a machine where a turn takes up to `noise`
// more, each turn by itself, and all turns drift together.
std::vector<Raced> raced(const std::vector<double>& of_first, double noise, uint32_t seed,
                         int rounds) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> share(0, 1);
    int turns = 0;
    const auto turn_us = [&](size_t way) {
        const double drift = 1 + 0.5 * (turns++ / 40 % 2);
        return 100 * of_first[way] * drift * (1 + noise * share(random));
    };
    return race(of_first.size(), turn_us, {rounds, rounds, 0});
}

TEST(Race, a_way_that_gains_is_found_and_what_is_behind_is_left_out) {
    const std::vector<Raced> r = raced({1, 0.9, 1.3, 0.93}, 0.02, 1, 5);
    EXPECT_EQ(winner(r, 0.99), 1U);
    EXPECT_NEAR(r[1].ratio, 0.9, 0.01);
    EXPECT_LT(r[1].uncertainty, 0.03);
    EXPECT_NEAR(r[2].us / r[0].us, 1.3, 0.03);
    std::mt19937 random(1);
    int turns_of_last = 0;
    race(3,
         [&](size_t way) {
             turns_of_last += way == 2;
             return way == 2 ? 150.0 : 100.0;
         },
         {5, 40, 100});
    EXPECT_EQ(turns_of_last, 5);
}

TEST(Race, noise_alone_does_not_win) {
    int taken = 0;
    for (uint32_t seed = 0; seed < 200; ++seed)
        taken += winner(raced({1, 1, 1, 1, 1, 1}, 0.2, seed, 25), 0.99) != 0;
    EXPECT_LE(taken, 20);
    // What gains much more than the noise is taken nearly always.
    int found = 0;
    for (uint32_t seed = 0; seed < 200; ++seed)
        found += winner(raced({1, 0.85}, 0.2, seed, 25), 0.99) == 1;
    EXPECT_GE(found, 180);
}

TEST(Race, noise_shows_in_the_uncertainty) {
    EXPECT_LT(raced({1, 0.9}, 0.01, 3, 9)[1].uncertainty, 0.02);
    EXPECT_GT(raced({1, 0.9}, 0.5, 3, 9)[1].uncertainty, 0.04);
}

}  // namespace
}  // namespace smeaton::driver
