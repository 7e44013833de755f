// Repeated measurement on a host that others use too.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "machine/number.h"

namespace smeaton::machine {

/// One figure: `block` measures it once, in a few milliseconds.
struct Measurement {
    std::string what;
    std::function<double()> block;
    std::vector<double> samples;
};

struct Rounds {
    int at_least = 5, at_most = 41;
    double seconds = 8;  ///< no new round after this, once there were `at_least`
    std::function<void(int round, double seconds)> progress;
};

/// Runs one block of every measurement, then again: a disturbance of a second touches a few samples
/// of all figures instead of all samples of a few. Returns the number of rounds.
int measure(std::vector<Measurement>&, const Rounds&);

/// What a machine does that nobody disturbs: others on the host make a block slower, never faster.
enum class Better { More, Less };
/// The 10 % quantile of the better end (linear between samples: one sample alone, which a clock may
/// have got wrong, does not decide), with the best and the 10 % quantile of the worse end around
/// it, to four digits.
Interval undisturbed(std::vector<double> samples, Better);
/// Median, with the 10 % and 90 % quantiles: of what a disturbance may make more or less.
Interval spread(std::vector<double> samples);
double round_to_digits(double value, int digits);

}  // namespace smeaton::machine
