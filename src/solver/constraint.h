// Whole variables under linear constraints, intervals on resources, and choices: what scheduling
// and placing need of a constraint solver.
//
// A literal is a variable of 0 and 1, or its opposite: literal l >= 0 is the variable l, not_(l)
// its opposite.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "solver/answer.h"

namespace smeaton::solver {

struct WholeVariable {
    int64_t low = 0, high = 1;
};

/// sum of factor x variable + constant
struct WholeSum {
    struct Part {
        int variable = 0;
        int64_t factor = 1;
    };
    std::vector<Part> parts;
    int64_t constant = 0;
};

inline int not_(int literal) {
    return -literal - 1;
}

/// low <= sum <= high, where all literals of `when` hold.
struct WholeRow {
    WholeSum sum;
    int64_t low = INT64_MIN / 4, high = INT64_MAX / 4;
    std::vector<int> when;
};

/// start + size = end, where `when` holds (always without one).
struct IntervalOf {
    WholeSum start, size, end;
    std::vector<int> when;
};

/// Intervals that take no two of the same place: at any time their amounts add up to at most
/// `capacity`.
struct Resource {
    int64_t capacity = 1;
    std::vector<int> intervals;
    std::vector<int64_t> amounts;  ///< of each
};

struct ConstraintProblem {
    std::vector<WholeVariable> variables;
    std::vector<WholeRow> rows;
    std::vector<IntervalOf> intervals;
    std::vector<Resource> resources;
    std::vector<std::vector<int>> any_of;  ///< at least one literal holds
    std::vector<std::vector<int>> one_of;  ///< exactly one literal holds
    WholeSum objective;                    ///< minimised
    std::vector<int64_t> start;            ///< values to begin from; empty: none

    int add(WholeVariable v) {
        variables.push_back(v);
        return static_cast<int>(variables.size()) - 1;
    }
};

struct ConstraintLimits {
    std::optional<double> time_s;  ///< absent: `effort`
    double effort = 10;            ///< about seconds, but the same work on every machine
};

/// Empty when CP-SAT is there; else why not, and what to install.
std::string cp_sat_missing();

/// By CP-SAT, one thread, the same answer each time unless the clock stops it. UserError where it
/// is missing.
Answer minimise(const ConstraintProblem&, const ConstraintLimits&);

}  // namespace smeaton::solver
