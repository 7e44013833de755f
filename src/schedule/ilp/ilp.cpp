#include "schedule/ilp/ilp.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <set>

#include "base/error.h"
#include "schedule/bounds.h"
#include "schedule/ilp/formulation.h"
#include "schedule/time_unit.h"

namespace smeaton::schedule {

namespace {

// Kinds of which the tasks take more cores at once than there are, when each runs as `answer` says.
std::set<int> overused(const TaskGraph& graph, const Cores& cores, const IlpTimes& answer) {
    std::set<int> kinds;
    const double slack = 1e-6 * answer.end_us;
    for (size_t kind = 0; kind < cores.kinds.size(); ++kind) {
        std::vector<std::pair<double, int>> changes;
        for (size_t t = 0; t < graph.tasks.size(); ++t) {
            const std::vector<int>& holds = graph.tasks[t].holds;
            if (std::find(holds.begin(), holds.end(), static_cast<int>(kind)) == holds.end())
                continue;
            int count = answer.counts[t];
            double us = graph.tasks[t].durations_us[static_cast<size_t>(count) - 1];
            if (us <= 2 * slack) continue;
            changes.emplace_back(answer.start_us[t] + slack, count);
            changes.emplace_back(answer.start_us[t] + us - slack, -count);
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

// Tasks by their starts, predecessors first, on the places that the answer gives or those that are
// free first; then each as early as that allows.
Schedule schedule_of(const TaskGraph& graph, const Links& links, const Cores& cores,
                     const IlpTimes& answer) {
    std::vector<int> order = links.order(), waits(graph.tasks.size(), 0);
    std::set<std::pair<double, int>> ready;
    for (const Edge& e : graph.edges) ++waits[static_cast<size_t>(e.to.v)];
    for (int t : order)
        if (waits[static_cast<size_t>(t)] == 0)
            ready.insert({answer.start_us[static_cast<size_t>(t)], t});
    std::vector<Choice> sequence;
    std::vector<double> free(static_cast<size_t>(cores.total()), 0);
    while (!ready.empty()) {
        int t = ready.begin()->second;
        ready.erase(ready.begin());
        auto i = static_cast<size_t>(t);
        const Task& task = graph.tasks[i];
        std::vector<int> slots = answer.slots[i];
        if (slots.empty()) {
            const int first = cores.first(task.holds[0]);
            slots.resize(static_cast<size_t>(places_for(task, cores)));
            for (size_t s = 0; s < slots.size(); ++s) slots[s] = static_cast<int>(s);
            std::stable_sort(slots.begin(), slots.end(), [&](int a, int b) {
                return free[static_cast<size_t>(first + a)] < free[static_cast<size_t>(first + b)];
            });
            slots.resize(static_cast<size_t>(answer.counts[i]));
            std::sort(slots.begin(), slots.end());
        }
        double finish = answer.start_us[i] + task.durations_us[slots.size() - 1];
        for (int core : core_numbers(task, cores, slots)) free[static_cast<size_t>(core)] = finish;
        sequence.push_back({t, std::move(slots)});
        for (int e : links.out(t)) {
            int to = graph.edges[static_cast<size_t>(e)].to.v;
            if (--waits[static_cast<size_t>(to)] == 0)
                ready.insert({answer.start_us[static_cast<size_t>(to)], to});
        }
    }
    return replay(graph, links, cores, sequence);
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
        IlpTimes times = formulation.times(answer);
        std::set<int> kinds = overused(graph, cores, times);
        if (!kinds.empty() && formulation.assign_places(kinds)) continue;
        Schedule found = schedule_of(graph, links, cores, times);
        if (makespan_us(found) < makespan_us(result.schedule)) result.schedule = std::move(found);
        break;
    }
    result.proven = makespan_us(result.schedule) <= result.lower_bound_us * (1 + 1e-6);
    if (result.proven) result.lower_bound_us = makespan_us(result.schedule);
    return result;
}

}  // namespace smeaton::schedule
