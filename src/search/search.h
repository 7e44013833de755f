// The best points of a space, proven: best-first branch and bound over boxes of settings, or every
// point one by one.
//
// Boxes are looked at in the order of their bounds on what is minimised; one whose bounds a point
// found already covers in every criterion is dropped with all its points. When no open box promises
// less than the best point, that point is proven; when none is open, so is the front. Rounds of a
// fixed number of boxes make the way the same for any number of threads.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "search/evaluator.h"
#include "search/front.h"

namespace smeaton::search {

/// What a part of many evaluations costs, for a cost model that prices parts by themselves.
struct Price {
    std::string part, on;
    double cycles = 0;
};

/// Evaluations that outlive a run.
class Store {
public:
    virtual ~Store() = default;
    /// Safe to call from several threads between two adds.
    virtual const Evaluation* find(const Point&) const = 0;
    virtual void add(const Point&, const Evaluation&) = 0;
    virtual std::vector<Price> prices() const { return {}; }
    virtual void keep(const Price&) {}
    /// From here on what was added is there whatever happens to the process.
    virtual void commit() = 0;
};

struct Progress {
    double done = 0;  ///< share of the points that are evaluated or ruled out
    double best = 0, gap = 0, seconds = 0;
    std::string solving = {};  ///< the cap that is raised; empty: the space as it is
};

struct Options {
    int threads = 0;           ///< 0: as many as the process may use
    bool exhaustive = false;   ///< every point, no bounds
    Criterion by = kTime;      ///< what is minimised
    bool front = true;         ///< go on for the front when the best is proven
    bool keep_points = false;  ///< every evaluated point in the result
    std::optional<double> time_limit_s;
    double gap = 0;  ///< share of the best; a gap no larger ends the search. 0: to the end
    std::optional<double> known;  ///< what a point found elsewhere has of it
    Store* store = nullptr;
    std::function<void(const Progress&)> progress = {};
};

struct Result {
    double grid = 0, space = 0;  ///< points that the axes span; that the sums leave
    double evaluated = 0;        ///< evaluated now
    double from_store = 0;       ///< known from an earlier run
    double refused = 0;          ///< of both: no machine for the workloads, or over a figure's cap
    double pruned = 0;           ///< ruled out by bounds
    bool proven = false, front_proven = false;
    double lower_bound = 0;            ///< on the time of every point of the space
    double gap = 0;                    ///< best over lower_bound, less 1
    std::string refusal;               ///< one of the reasons behind `refused`
    std::optional<Found> best, worst;  ///< worst: of an exhaustive run
    std::vector<Found> front;
    std::vector<Found> points;
    double seconds = 0;
};

/// `part`: the points to look at; all of them: whole(space). UserError where the sums leave none.
Result search(const Space&, const Box& part, const Evaluator&, const Options&);

}  // namespace smeaton::search
