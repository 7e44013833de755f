// Ways to run that are timed against each other by turns, on a machine that others may use too.
//
// What else happens happens to all ways of a round alike, so that what counts is a way's time over
// the first way's in the same round. Of these ratios the median tells how much a way gains and the
// quartiles how well that is known. Ways that are clearly behind the best are left out of later
// rounds, so that the others are known better.
//
// The best of several is in part the luckiest. What is taken for its gain has shown it in a race of
// its own, whose rounds had no part in finding it.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

namespace smeaton::driver {

struct RaceOptions {
    int fewest_rounds = 5, most_rounds = 60;
    double seconds = 2.0;  ///< no round begins later, behind the fewest
};

/// Of a way, against the first.
struct Raced {
    double us = 0;     ///< the first way's median, times the ratio
    double ratio = 1;  ///< median over the rounds that it ran in
    /// Half of the interval that holds the true ratio 19 times in 20: 1.96 standard errors of a
    /// median, 1.2533 sigma / sqrt(rounds) for normal noise, sigma = (q3 - q1) / 1.349.
    double uncertainty = 0;
    /// The true ratio lies above it once in 40 times, by the sign test: of so many rounds that many
    /// have shown less, whatever their noise is like. The largest ratio where rounds are too few.
    double upper = 1;
    int rounds = 0;
};

/// How many of so many rounds must agree where each by itself agrees as often as not: with fewer
/// they would do so more than once in 40 times. At most `rounds`, which below 6 does not suffice.
int rounds_that_must_agree(int rounds);

/// `turn_us(way)`: one turn of the way, at least two ways. Calls it by rounds, there and back.
std::vector<Raced> race(size_t ways, const std::function<double(size_t way)>& turn_us,
                        const RaceOptions& = {});

/// The way of the lowest ratio, the first aside.
size_t best_rival(const std::vector<Raced>&);
/// That way; 0 unless it has shown that it takes less than `worthwhile` of the first one's time.
size_t winner(const std::vector<Raced>&, double worthwhile);

}  // namespace smeaton::driver
