#include "search/phaze/layer_time.h"

#include <algorithm>
#include <cmath>

#include "schedule/bounds.h"
#include "schedule/constraint/constraint.h"
#include "schedule/exact/exact.h"
#include "schedule/ilp/allotment.h"
#include "schedule/ilp/ilp.h"
#include "schedule/list/list.h"
#include "solver/constraint.h"
#include "solver/linear.h"

namespace smeaton::search::phaze {

namespace {

constexpr int64_t kListEffort = 500, kMoreEffort = 40'000, kNodes = 50'000, kWays = 1'000'000;
constexpr size_t kFewTasks = 16;         // branch and bound mostly settles
constexpr double kConstraintEffort = 1;  // about seconds
constexpr double kIlpSeconds = 8;

class Layer {
public:
    Layer(const schedule::TaskGraph& graph, LayerTime& best)
        : graph_(graph), links_(graph), cores_(*graph.cores), best_(best) {}

    void improve(Effort step) {
        switch (step) {
            case Effort::kBounds:
                bound();
                break;
            case Effort::kList:
                list(kListEffort);
                break;
            case Effort::kLinear:
                if (solver::highs_missing().empty())
                    raise(allotment_bound_us(graph_, links_, cores_));
                break;
            case Effort::kTree:
                tree();
                break;
            case Effort::kExact:
                settle();
                break;
        }
    }

private:
    void raise(double bound) { best_.lower_bound = std::max(best_.lower_bound, bound); }
    void take(const schedule::Schedule& found) {
        const double time = makespan_us(found);
        // A schedule that was not kept is found again.
        if (time < best_.time || best_.schedule.tasks.empty())
            best_.schedule = found, best_.time = std::min(best_.time, time);
    }
    void bound() {
        double sum = 0;  // of a schedule that there is: one after the other
        for (const schedule::Task& task : graph_.tasks)
            sum += schedule::fastest_us(task, schedule::most_cores(task, cores_));
        raise(std::isfinite(sum) ? lower_bounds(graph_, links_, cores_, sum).best_us() : sum);
    }
    void list(int64_t effort) {
        schedule::ListOptions options;
        options.effort = effort;
        take(search_list(graph_, links_, cores_, options));
    }
    void branch() {
        const schedule::ExactResult exact =
            search_exact(graph_, links_, cores_, best_.schedule, {kNodes, kWays, std::nullopt});
        take(exact.schedule);
        if (exact.proven) best_.lower_bound = best_.time;
    }
    void tree() {
        if (best_.schedule.tasks.empty()) list(kListEffort);
        const size_t tasks = graph_.tasks.size();
        if (tasks <= kFewTasks) branch();
        if (!best_.proven()) list(kMoreEffort);
        if (!best_.proven() && tasks <= schedule::kExactTasks) branch();
    }
    void settle() {
        if (best_.schedule.tasks.empty()) list(kListEffort);
        if (solver::cp_sat_missing().empty()) {
            const schedule::ConstraintResult found = solve_constraints(
                graph_, links_, cores_, best_.schedule, {std::nullopt, kConstraintEffort});
            take(found.schedule), raise(found.lower_bound_us);
            if (found.proven) best_.lower_bound = best_.time;
        } else if (solver::highs_missing().empty() && graph_.tasks.size() <= schedule::kIlpTasks) {
            const schedule::IlpResult ilp =
                solve_ilp(graph_, links_, cores_, best_.schedule, {kIlpSeconds, false});
            take(ilp.schedule), raise(ilp.lower_bound_us);
            if (ilp.proven) best_.lower_bound = best_.time;
        }
    }

    const schedule::TaskGraph& graph_;
    const schedule::Links links_;
    const schedule::Cores& cores_;
    LayerTime& best_;
};

}  // namespace

void improve(const schedule::TaskGraph& graph, Effort step, LayerTime& best) {
    if (graph.tasks.empty()) best.time = 0;
    if (!best.proven()) Layer(graph, best).improve(step);
}

LayerTime layer_time(const schedule::TaskGraph& graph, Effort effort) {
    LayerTime best;
    for (const Effort step : kEfforts)
        if (step <= effort) improve(graph, step, best);
    return best;
}

}  // namespace smeaton::search::phaze
