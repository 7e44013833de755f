#include "search/phaze/layer_time.h"

#include <algorithm>

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

void take(LayerTime& best, const schedule::Schedule& found, double bound) {
    if (makespan_us(found) < best.time) best.schedule = found, best.time = makespan_us(found);
    best.lower_bound = std::max(best.lower_bound, bound);
}

}  // namespace

LayerTime layer_time(const schedule::TaskGraph& graph, Effort effort) {
    LayerTime best;
    if (graph.tasks.empty()) return best;
    const schedule::Links links(graph);
    const schedule::Cores& cores = *graph.cores;
    schedule::ListOptions list;
    list.effort = kListEffort;
    best.schedule = search_list(graph, links, cores, list);
    best.time = makespan_us(best.schedule);
    best.lower_bound = lower_bounds(graph, links, cores, best.time).best_us();
    if (effort == Effort::kList || best.proven()) return best;
    const size_t tasks = graph.tasks.size();
    auto branch = [&] {
        const schedule::ExactResult exact =
            search_exact(graph, links, cores, best.schedule, {kNodes, kWays, std::nullopt});
        take(best, exact.schedule, 0);
        if (exact.proven) best.lower_bound = best.time;
    };
    if (tasks <= kFewTasks) branch();
    const bool linear = solver::highs_missing().empty();
    if (!best.proven() && linear)
        take(best, best.schedule, allotment_bound_us(graph, links, cores));
    if (!best.proven()) {
        list.effort = kMoreEffort;
        take(best, search_list(graph, links, cores, list), 0);
    }
    if (!best.proven() && tasks <= schedule::kExactTasks) branch();
    if (effort == Effort::kTree || best.proven()) return best;
    if (solver::cp_sat_missing().empty()) {
        const schedule::ConstraintResult found = solve_constraints(
            graph, links, cores, best.schedule, {std::nullopt, kConstraintEffort});
        take(best, found.schedule, found.lower_bound_us);
        if (found.proven) best.lower_bound = best.time;
    } else if (linear && tasks <= schedule::kIlpTasks) {
        const schedule::IlpResult ilp =
            solve_ilp(graph, links, cores, best.schedule, {kIlpSeconds, false});
        take(best, ilp.schedule, ilp.lower_bound_us);
        if (ilp.proven) best.lower_bound = best.time;
    }
    return best;
}

}  // namespace smeaton::search::phaze
