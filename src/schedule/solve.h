// One task graph, one algorithm, one schedule with what it is worth.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "schedule/linear/hyper.h"
#include "schedule/schedule.h"

namespace smeaton::schedule {

//      enumerator text
#define SMEATON_ALGORITHMS(X)                                                      \
    X(Linear, "linear") /* Ramiel: one task after another on workers of its own */ \
    X(List, "list")     /* list scheduling and local search */                     \
    X(Exact, "exact")   /* branch and bound */                                     \
    X(Auto, "auto")     /* list, then what proves it or betters it */

enum class Algorithm {
#define X(name, text) name,
    SMEATON_ALGORITHMS(X)
#undef X
};
std::string_view name(Algorithm);
/// UserError listing the names.
Algorithm algorithm_named(const std::string&);

struct SolveOptions {
    Algorithm algorithm = Algorithm::Auto;
    std::optional<double> time_limit_s;  ///< absent: a fixed effort, so that runs repeat
    bool clone = false;                  ///< linear only
    int samples = 1;                     ///< of a batch
    Hyper hyper = Hyper::Plain;          ///< linear only
};

/// What linear clustering counts.
struct LinearFigures {
    int clusters = 0, merged = 0, clones = 0;
    double longest_way_us = 0;  ///< with every message on it: the largest distance to the end
};

struct Solution {
    TaskGraph graph;  ///< as scheduled: clones and samples in it
    Cores cores;      ///< as used
    Schedule schedule;
    std::string method;  ///< the algorithm that made it, where `auto` chose
    int messages = 0;
    double makespan_us = 0;
    double lower_bound_us = 0;  ///< of every schedule on these cores, clones or not
    double critical_path_us = 0;
    double serial_us = 0;  ///< all tasks one after another, unsplit
    bool optimal = false;  ///< no schedule is shorter
    double peak_output_bytes = 0;
    std::optional<LinearFigures> linear;
    std::vector<std::string> notes;  ///< what was not done, and why
};

/// makespan / bound - 1; 0 where both are 0.
double gap(const Solution&);

/// `what` names the graph in messages. `cores` absent (linear only): as many as it wants.
/// UserError for a graph or cores that are none (verify), and for options that the algorithm lacks.
/// The schedule has passed the checker.
Solution solve(const TaskGraph&, const std::optional<Cores>& cores, const SolveOptions&,
               const std::string& what);

}  // namespace smeaton::schedule
