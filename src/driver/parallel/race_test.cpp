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
    const std::vector<Raced> r = raced({1, 0.9, 1.3, 0.93}, 0.02, 1, 6);
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

// The best of several is found in one race, and shows its gain in another.
bool wins(const std::vector<double>& of_first, double noise, uint32_t seed) {
    const size_t best = best_rival(raced(of_first, noise, seed, 25));
    return winner(raced({1, of_first[best]}, noise, 1000 + seed, 25), 0.99) == 1;
}

TEST(Race, noise_alone_does_not_win) {
    int taken = 0, found = 0;
    for (uint32_t seed = 0; seed < 400; ++seed) {
        taken += wins({1, 1, 1, 1, 1, 1}, 0.2, seed);
        // What gains much more than the noise is taken nearly always.
        found += wins({1, 1, 0.85}, 0.2, seed);
    }
    EXPECT_LE(taken, 10);  // once in 40 times
    EXPECT_GE(found, 380);
}

TEST(Race, so_many_rounds_must_agree_as_the_sign_test_says) {
    EXPECT_EQ(rounds_that_must_agree(5), 5);  // all five agree by chance once in 32 times
    EXPECT_EQ(rounds_that_must_agree(6), 6);
    EXPECT_EQ(rounds_that_must_agree(9), 8);
    EXPECT_EQ(rounds_that_must_agree(20), 15);
    EXPECT_EQ(rounds_that_must_agree(60), 39);
    // A way that was faster in eight rounds of nine has shown it; seven do not suffice.
    const auto of_nine = [](int faster) {
        int round = 0;
        return race(2,
                    [&](size_t way) {
                        if (way == 0) return 100.0;
                        return round++ < faster ? 90.0 : 130.0;
                    },
                    {9, 9, 0});
    };
    EXPECT_EQ(winner(of_nine(8), 0.99), 1U);
    EXPECT_EQ(winner(of_nine(7), 0.99), 0U);
    EXPECT_EQ(winner(of_nine(8), 0.9), 0U);
}

TEST(Race, noise_shows_in_the_uncertainty) {
    EXPECT_LT(raced({1, 0.9}, 0.01, 3, 9)[1].uncertainty, 0.02);
    EXPECT_GT(raced({1, 0.9}, 0.5, 3, 9)[1].uncertainty, 0.04);
}

}  // namespace
}  // namespace smeaton::driver
