#include "schedule/ilp/ilp.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "base/error.h"
#include "schedule/bounds.h"
#include "schedule/ilp/formulation.h"
#include "schedule/time_unit.h"

namespace smeaton::schedule {

namespace {

// Kinds of which the tasks take more cores at once than there are, when each runs as `answer` says.
std::set<int> overused(const TaskGraph& graph, const Cores& cores, const Timing& answer) {
    std::set<int> kinds;
    const double slack = 1e-6 * *std::max_element(answer.finish_us.begin(), answer.finish_us.end());
    for (size_t kind = 0; kind < cores.kinds.size(); ++kind) {
        std::vector<std::pair<double, int>> changes;
        for (size_t t = 0; t < graph.tasks.size(); ++t) {
            const std::vector<int>& holds = graph.tasks[t].holds;
            if (std::find(holds.begin(), holds.end(), static_cast<int>(kind)) == holds.end())
                continue;
            int count = answer.counts[t];
            if (answer.finish_us[t] - answer.start_us[t] <= 2 * slack) continue;
            changes.emplace_back(answer.start_us[t] + slack, count);
            changes.emplace_back(answer.finish_us[t] - slack, -count);
        }
        std::sort(changes.begin(), changes.end());
        int busy = 0;
        for (const auto& [time, change] : changes) {
            busy += change;
            if (busy > cores.kinds[kind].count) kinds.insert(static_cast<int>(kind));
        }
    }
    return kinds;
}

}  // namespace

IlpResult solve_ilp(const TaskGraph& graph, const Links& links, const Cores& cores,
                    const Schedule& start, const IlpOptions& options) {
    SMEATON_CHECK(graph.tasks.size() <= kIlpTasks, "{} tasks", graph.tasks.size());
    auto began = std::chrono::steady_clock::now();
    IlpResult result;
    result.schedule = start;
    result.lower_bound_us = lower_bounds(graph, links, cores, makespan_us(start)).best_us();
    const double unit = time_unit_us(graph);
    Formulation formulation(graph, links, cores, start, options.whole);
    for (;;) {
        ++result.rounds;
        solver::LinearLimits limits;
        // Less than a unit between answer and bound proves the answer.
        limits.distance = formulation.scaled(unit) * 0.99;
        if (options.time_limit_s) {
            std::chrono::duration<double> spent = std::chrono::steady_clock::now() - began;
            limits.time_s = std::max(0.1, *options.time_limit_s - spent.count());
        }
        solver::Answer answer = formulation.solve(limits);
        result.rows = formulation.rows();
        result.whole_variables = formulation.whole_variables();
        // Without places fewer schedules are refused, so the bound holds in every round.
        result.lower_bound_us = std::max(
            result.lower_bound_us, rounded_up_us(formulation.us(answer.bound) * (1 - 1e-7), unit));
        if (answer.values.empty()) break;
        Timing times = formulation.times(answer);
        std::set<int> kinds = overused(graph, cores, times);
        if (!kinds.empty() && formulation.assign_places(kinds)) continue;
        Schedule found = schedule_by_times(graph, links, cores, times);
        if (makespan_us(found) < makespan_us(result.schedule)) result.schedule = std::move(found);
        break;
    }
    result.proven = makespan_us(result.schedule) <= result.lower_bound_us * (1 + 1e-6);
    if (result.proven) result.lower_bound_us = makespan_us(result.schedule);
    return result;
}

}  // namespace smeaton::schedule
