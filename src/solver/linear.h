// Linear problems, some variables whole: minimise a sum under rows.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "solver/answer.h"

namespace smeaton::solver {

constexpr double kUnbounded = std::numeric_limits<double>::infinity();

struct Variable {
    double low = 0, high = kUnbounded;
    bool whole = false;
    double cost = 0;  ///< per unit, in the sum that is minimised
};

struct Term {
    int variable = 0;
    double factor = 1;
};

/// low <= sum of terms <= high
struct Row {
    double low = -kUnbounded, high = kUnbounded;
    std::vector<Term> terms;
};

struct LinearProblem {
    std::vector<Variable> variables;
    std::vector<Row> rows;

    int add(Variable v) {
        variables.push_back(v);
        return static_cast<int>(variables.size()) - 1;
    }
};

struct LinearLimits {
    std::optional<double> time_s;
    double gap = 0;       ///< (objective - bound) / objective at which to stop
    double distance = 0;  ///< objective - bound at which to stop
};

/// Empty when HiGHS is there; else why not, and what to install.
std::string highs_missing();

/// By HiGHS, one thread. `start`: values to begin from, one per variable; may be empty. UserError
/// where it is missing.
Answer minimise(const LinearProblem&, const LinearLimits&, const std::vector<double>& start = {});

}  // namespace smeaton::solver
