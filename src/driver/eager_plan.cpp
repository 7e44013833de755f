#include "driver/eager_plan.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>

#include "schedule/bounds.h"

namespace smeaton::driver {

namespace {

using schedule::Placed;

/// A plan is taken where it gains more than its prediction is uncertain by: those of branchy models
/// were off by up to a tenth.
constexpr double kWorthwhile = 0.9;
constexpr size_t kMostTried = 400;  // tasks that are planned for several costs

/// What solvers take an operator's threads and a message to cost, of what they do: how often each
/// is paid, and that clusters wait for each other's lock, shows once a plan is there.
struct Assumed {
    double team = 1, message = 1;
};
const std::vector<Assumed> kTried = {{0.4, 1}, {1, 1}, {4, 1}, {1, 5}};

/// Solvers see no sequence of operators: each one on several cores pays for its threads.
void set_durations(schedule::TaskGraph& tasks, const std::vector<EagerWork>& work,
                   const EagerCosts& costs, const Assumed& assumed) {
    const double team_us = assumed.team * costs.team_us;
    for (size_t t = 0; t < tasks.tasks.size(); ++t) {
        std::vector<double>& durations = tasks.tasks[t].durations_us;
        durations.clear();
        for (size_t k = 1; k <= costs.gflops.size(); ++k)
            durations.push_back(costs.us(work[t], k) + (k > 1 ? team_us : 0));
        // More cores than the fastest number are never taken.
        const auto fastest = std::min_element(durations.begin(), durations.end());
        durations.resize(static_cast<size_t>(fastest - durations.begin()) + 1);
    }
    for (schedule::Edge& e : tasks.edges) e.cost_us = assumed.message * costs.message_us;
}

void sort_by_start(std::vector<Placed>& tasks) {
    std::stable_sort(tasks.begin(), tasks.end(),
                     [](const Placed& a, const Placed& b) { return a.start_us < b.start_us; });
}

void sort_by_task(std::vector<Placed>& tasks) {
    std::sort(tasks.begin(), tasks.end(),
              [](const Placed& a, const Placed& b) { return a.task < b.task; });
}

std::vector<int> all_of(size_t cores) {
    std::vector<int> all(cores);
    std::iota(all.begin(), all.end(), 0);
    return all;
}

/// Beside an operator on all cores, those that run alone take all as well: the threads of one are
/// the next one's, and PyTorch itself leaves small loops whole. `tasks`: by their start.
void widen_lonely(std::vector<Placed>& tasks, size_t cores) {
    std::vector<bool> lonely(tasks.size());
    double busy_until_us = 0;
    for (size_t k = 0; k < tasks.size(); ++k) {
        lonely[k] = tasks[k].start_us >= busy_until_us &&
                    (k + 1 == tasks.size() || tasks[k + 1].start_us >= tasks[k].finish_us);
        busy_until_us = std::max(busy_until_us, tasks[k].finish_us);
    }
    const auto widen = [&](auto begin, auto end, auto is_lonely) {
        bool beside_wide = true;  // at either end all cores are free
        for (; begin != end; ++begin, ++is_lonely) {
            if (*is_lonely && beside_wide) begin->cores = all_of(cores);
            beside_wide = begin->cores.size() == cores;
        }
    };
    widen(tasks.begin(), tasks.end(), lonely.begin());
    widen(tasks.rbegin(), tasks.rend(), lonely.rbegin());
}

/// The times of clusters in that order: a cluster is the lowest core of its operators, and changes
/// the number of its threads where the next one takes another. Python's lock is had by one at once.
void replay(const schedule::TaskGraph& graph, const std::vector<EagerWork>& work,
            const EagerCosts& costs, std::vector<Placed>& tasks) {
    struct Core {
        double free_us = 0;
        int cluster = 0;     ///< of the operator that was on it last
        size_t threads = 0;  ///< of that cluster's last operator, where this core is its lowest
    };
    std::vector<Core> cores(costs.gflops.size());
    double lock_free_us = 0;
    int lock_holder = 0;
    std::vector<const Placed*> placed(graph.tasks.size());
    std::vector<std::vector<size_t>> before(graph.tasks.size());
    for (const schedule::Edge& e : graph.edges)
        before[static_cast<size_t>(e.to.v)].push_back(static_cast<size_t>(e.from.v));
    for (Placed& p : tasks) {
        const int cluster = p.cores[0];
        const size_t threads = p.cores.size();
        double start_us = 0;
        for (int c : p.cores) {
            const Core& core = cores[static_cast<size_t>(c)];
            start_us = std::max(
                start_us, core.free_us +
                              (core.cluster != cluster && core.free_us > 0 ? costs.message_us : 0));
        }
        for (size_t from : before[static_cast<size_t>(p.task.v)]) {
            const bool hands_over = placed[from]->cores[0] != cluster;
            start_us =
                std::max(start_us, placed[from]->finish_us + (hands_over ? costs.message_us : 0));
        }
        size_t& last = cores[static_cast<size_t>(cluster)].threads;
        const bool changes = last != 0 && last != threads;
        last = threads;
        if (lock_holder != cluster) lock_free_us += costs.lock_us;
        lock_holder = cluster;
        p.start_us = start_us = std::max(start_us, lock_free_us);
        lock_free_us = start_us + costs.held_us;
        p.finish_us = start_us + (changes ? costs.team_us / 2 : 0) +
                      costs.us(work[static_cast<size_t>(p.task.v)], threads);
        for (int c : p.cores) {
            cores[static_cast<size_t>(c)].free_us = p.finish_us;
            cores[static_cast<size_t>(c)].cluster = cluster;
        }
        placed[static_cast<size_t>(p.task.v)] = &p;
    }
}

/// What no order and no split can beat, whatever threads and messages cost.
double bound_us(schedule::TaskGraph tasks, const std::vector<EagerWork>& work,
                const EagerCosts& costs, double forward_us) {
    if (tasks.tasks.empty()) return 0;
    for (size_t t = 0; t < tasks.tasks.size(); ++t) {
        std::vector<double>& durations = tasks.tasks[t].durations_us;
        durations = {costs.alone_us(work[t])};
        for (size_t k = 2; k <= costs.gflops.size(); ++k) durations.push_back(costs.us(work[t], k));
    }
    for (schedule::Edge& e : tasks.edges) e.cost_us = 0;
    const schedule::Cores cores =
        schedule::cores_of_one_kind(static_cast<int>(costs.gflops.size()));
    return schedule::lower_bounds(tasks, schedule::Links(tasks), cores, forward_us).best_us();
}

std::vector<Placed> one_after_another(const schedule::TaskGraph& graph,
                                      const std::vector<EagerWork>& work, const EagerCosts& costs) {
    std::vector<Placed> tasks;
    for (size_t t = 0; t < graph.tasks.size(); ++t)
        tasks.push_back({{static_cast<int32_t>(t)}, all_of(costs.gflops.size()), 0, 0});
    replay(graph, work, costs, tasks);
    return tasks;
}

}  // namespace

EagerPlan plan_eager(schedule::TaskGraph tasks, const std::vector<EagerWork>& work,
                     const EagerCosts& costs, const schedule::SolveOptions& options,
                     const std::string& what) {
    const size_t cores = costs.gflops.size();
    const bool linear = options.algorithm == schedule::Algorithm::Linear;
    EagerPlan plan;
    const schedule::Schedule plain{one_after_another(tasks, work, costs)};
    plan.forward_us = makespan_us(plain);
    for (const EagerWork& w : work) plan.serial_us += costs.alone_us(w);
    plan.lower_bound_us = bound_us(tasks, work, costs, plan.forward_us);
    std::optional<double> best_us;
    const bool once = linear || tasks.tasks.size() > kMostTried || options.time_limit_s;
    for (const Assumed& assumed : once ? std::vector<Assumed>{{}} : kTried) {
        set_durations(tasks, work, costs, assumed);
        schedule::Solution solution = schedule::solve(
            tasks, schedule::cores_of_one_kind(static_cast<int>(cores)), options, what);
        if (!linear) {
            sort_by_start(solution.schedule.tasks);
            widen_lonely(solution.schedule.tasks, cores);
            replay(tasks, work, costs, solution.schedule.tasks);
            sort_by_task(solution.schedule.tasks);
        }
        const double us = makespan_us(solution.schedule);
        if (best_us && *best_us <= us) continue;
        best_us = us;
        plan.notes = std::move(solution.notes);
        plan.schedule = std::move(solution.schedule);
    }
    if (!linear && *best_us > kWorthwhile * plan.forward_us) plan.schedule = plain;
    return plan;
}

}  // namespace smeaton::driver
