// What a study comes to: where most of the time goes, and what would help.
#pragma once

#include <string>
#include <vector>

#include "driver/study/measure.h"
#include "driver/study/what_if.h"

namespace smeaton::driver {

/// The kernels that make up most of the time: of the operator that takes the most, the fewest that
/// take two thirds of all time together; all of that operator's where they take less.
struct Verdict {
    std::string op;      ///< "Conv"; empty where nothing is left to compute, or only data is moved
    int kernels = 0;     ///< the fewest
    int of = 0;          ///< all of that operator
    double time_us = 0;  ///< of the fewest
    double share = 0;    ///< of the kernels' time
    double reached = 0;  ///< the least time that the machine allows them / time_us
    std::string bound;   ///< what limits two thirds of their time; empty: different things
    double best_bandwidth_gain = 0;
    std::string best_bandwidth;  ///< the level; empty where none gains
};

/// `ops`: the heaviest operator of each kernel.
Verdict verdict(const std::vector<MeasuredKernel>&, const std::vector<std::string>& ops,
                const WhatIfs&);

}  // namespace smeaton::driver
