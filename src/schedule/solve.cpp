#include "schedule/solve.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/error.h"
#include "schedule/bounds.h"
#include "schedule/check.h"
#include "schedule/constraint/constraint.h"
#include "schedule/exact/exact.h"
#include "schedule/ilp/ilp.h"
#include "schedule/list/list.h"
#include "solver/constraint.h"
#include "solver/linear.h"

namespace smeaton::schedule {

std::string_view name(Algorithm algorithm) {
    switch (algorithm) {
#define X(enumerator, text)     \
    case Algorithm::enumerator: \
        return text;
        SMEATON_ALGORITHMS(X)
#undef X
    }
    return "";
}

Algorithm algorithm_named(const std::string& text) {
    std::string all;
#define X(enumerator, word)                         \
    if (text == word) return Algorithm::enumerator; \
    all += (all.empty() ? "" : ", ") + std::string(word);
    SMEATON_ALGORITHMS(X)
#undef X
    throw UserError("there is no algorithm '{}'; there are {}", text, all);
}

double gap(const Solution& s) {
    return s.lower_bound_us > 0 ? s.makespan_us / s.lower_bound_us - 1
           : s.makespan_us > 0  ? 1e9
                                : 0;
}

namespace {

// More is not searched exactly by `auto`, so that it stays within a second or two.
constexpr int64_t kAutoNodes = 300'000, kAutoWays = 3'000'000;
constexpr double kAutoEffort = 2;
constexpr size_t kAutoConstraintTasks = 300;
// Where no limit is given: the integer program alone has no measure of effort but the clock.
constexpr double kIlpSeconds = 60;
constexpr size_t kMostCopied = 5'000'000;  // tasks and edges of all samples

bool as_good(double us, double bound_us) {
    return us <= bound_us * (1 + 1e-9);
}

class Solving {
public:
    Solving(const TaskGraph& graph, std::optional<Cores> cores, const SolveOptions& options,
            std::string what)
        : graph_(graph), cores_(std::move(cores)), options_(options), what_(std::move(what)) {}

    Solution run() {
        cores_ ? verify(graph_, *cores_, what_) : verify(graph_, what_);
        refuse_too_many_samples();
        merge_edges(graph_);
        if (options_.algorithm == Algorithm::Linear) {
            linear();
        } else {
            refuse_linear_options();
            searched();
        }
        finish();
        return std::move(solution_);
    }

private:
    void refuse_too_many_samples() const {
        const size_t one = graph_.tasks.size() + graph_.edges.size();
        if (options_.samples > 1 && one > kMostCopied / static_cast<size_t>(options_.samples))
            throw UserError(
                "{}: {} samples of {} tasks and {} edges are too many: {} of these at most", what_,
                options_.samples, graph_.tasks.size(), graph_.edges.size(), kMostCopied);
    }

    void refuse_linear_options() const {
        if (options_.clone)
            throw UserError("{}: clones are made by the algorithm linear, not by {}", what_,
                            name(options_.algorithm));
        SMEATON_CHECK(cores_, "{} without cores", name(options_.algorithm));
    }

    void linear() {
        if (graph_.kinds.size() > 1)
            throw UserError("{}: linear clustering knows one kind of core; use list or exact",
                            what_);
        for (const Task& task : graph_.tasks)
            if (std::isinf(task.durations_us[0]))
                throw UserError(
                    "{}: task '{}' does not run on one core, and linear clustering splits none; "
                    "use list or exact",
                    what_, task.name);
        TaskGraph graph = graph_;
        LinearFigures figures;
        LinearClusters clusters = cluster_linear(graph, Links(graph));
        if (options_.clone)
            if (auto cloned = clone_tasks(graph, clusters)) {
                graph = std::move(cloned->graph);
                clusters = std::move(cloned->linear);
                figures.clones = cloned->clones;
            }
        figures.clusters = static_cast<int>(clusters.clusters.size());
        figures.merged = static_cast<int>(clusters.workers.size());
        figures.longest_way_us =
            *std::max_element(clusters.distance_us.begin(), clusters.distance_us.end());
        HyperClusters hyper = hyper_clusters(graph, clusters, options_.samples, options_.hyper);
        solution_.messages = messages(hyper.graph, hyper.workers);
        if (!cores_) cores_ = cores_of_one_kind(figures.merged);
        hyper.workers = fold_workers(hyper.graph, hyper.workers, cores_->total());
        solution_.schedule =
            schedule_workers(hyper.graph, Links(hyper.graph), hyper.workers, hyper.distance_us);
        solution_.graph = std::move(hyper.graph);
        solution_.linear = figures;
        solution_.method = "linear";
        bounds(samples_of(graph_, options_.samples), makespan_us(solution_.schedule));
    }

    void searched() {
        solution_.graph = samples_of(graph_, options_.samples);
        const TaskGraph& graph = solution_.graph;
        Links links(graph);
        ListOptions list;
        if (options_.algorithm != Algorithm::List) list.effort = 200'000;
        list.time_limit_s = time_share(options_.algorithm == Algorithm::List ? 1 : 0.1);
        refuse_missing_solver();
        solution_.schedule = search_list(graph, links, *cores_, list);
        solution_.method = "list";
        bounds(graph, makespan_us(solution_.schedule));
        better_or_prove(links);
        solution_.messages = messages(graph, solution_.schedule);
    }

    void better_or_prove(const Links& links) {
        const bool all = options_.algorithm == Algorithm::Auto;
        if ((all || options_.algorithm == Algorithm::Exact) && !reached()) exact(links);
        if ((all || options_.algorithm == Algorithm::Cpsat) && !reached()) constraints(links);
        if (options_.algorithm == Algorithm::Ilp && !reached()) integer_program(links);
    }

    void refuse_missing_solver() const {
        std::string missing, solver;
        if (options_.algorithm == Algorithm::Ilp) {
            missing = solver::highs_missing();
            solver = "HiGHS";
        } else if (options_.algorithm == Algorithm::Cpsat) {
            missing = solver::cp_sat_missing();
            solver = "CP-SAT";
        }
        if (!missing.empty())
            throw UserError(
                "{}: the algorithm {} takes {}, but {}; list, exact and auto do without", what_,
                name(options_.algorithm), solver, missing);
    }

    // A share of what is left of the time limit; nothing without a limit.
    std::optional<double> time_share(double share) const {
        if (!options_.time_limit_s) return std::nullopt;
        std::chrono::duration<double> spent = std::chrono::steady_clock::now() - began_;
        return std::max(0.01, (*options_.time_limit_s - spent.count()) * share);
    }

    // A schedule that is no worse, and a bound that holds.
    void take(const Schedule& schedule, double bound_us, Algorithm by) {
        if (makespan_us(schedule) < makespan_us(solution_.schedule)) {
            solution_.schedule = schedule;
            solution_.method = name(by);
        }
        solution_.lower_bound_us = std::max(solution_.lower_bound_us, bound_us);
        if (!reached()) solution_.notes.push_back(fmt::format("{} ended unproven", name(by)));
    }

    void constraints(const Links& links) {
        const bool chosen = options_.algorithm == Algorithm::Auto;
        if (chosen && !solver::cp_sat_missing().empty()) {
            solution_.notes.push_back("CP-SAT was not tried: " + solver::cp_sat_missing());
            return;
        }
        if (chosen && solution_.graph.tasks.size() > kAutoConstraintTasks) {
            solution_.notes.push_back(fmt::format("CP-SAT was not tried: {} tasks are more than {}",
                                                  solution_.graph.tasks.size(),
                                                  kAutoConstraintTasks));
            return;
        }
        ConstraintOptions options;
        options.time_limit_s = time_share(0.95);
        if (chosen) options.effort = kAutoEffort;
        ConstraintResult result =
            solve_constraints(solution_.graph, links, *cores_, solution_.schedule, options);
        take(result.schedule, result.lower_bound_us, Algorithm::Cpsat);
    }

    void integer_program(const Links& links) {
        if (solution_.graph.tasks.size() > kIlpTasks) {
            solution_.notes.push_back(
                fmt::format("{} tasks are more than the {} that the integer program takes",
                            solution_.graph.tasks.size(), kIlpTasks));
            return;
        }
        IlpOptions options;
        options.time_limit_s = options_.time_limit_s ? time_share(0.95) : kIlpSeconds;
        IlpResult result = solve_ilp(solution_.graph, links, *cores_, solution_.schedule, options);
        take(result.schedule, result.lower_bound_us, Algorithm::Ilp);
        solution_.notes.push_back(
            fmt::format("integer program: {} rows, {} whole variables, "
                        "solved {} times",
                        result.rows, result.whole_variables, result.rounds));
    }

    bool reached() const {
        return as_good(makespan_us(solution_.schedule), solution_.lower_bound_us);
    }

    void exact(const Links& links) {
        const TaskGraph& graph = solution_.graph;
        if (graph.tasks.size() > kExactTasks) {
            solution_.notes.push_back(
                fmt::format("{} tasks are more than the {} that are searched exactly",
                            graph.tasks.size(), kExactTasks));
            return;
        }
        ExactOptions options;
        double share = 0.95;
        if (options_.algorithm == Algorithm::Auto) {
            options.max_nodes = kAutoNodes;
            options.max_ways = kAutoWays;
            // CP-SAT is the better one where messages cost; the rest of the time is its, if it is
            // there (which is asked only where it matters: to load it takes time).
            if (options_.time_limit_s && solver::cp_sat_missing().empty())
                share = messages_cost() ? 0.1 : 0.4;
        }
        options.time_limit_s = time_share(share);
        ExactResult result = search_exact(graph, links, *cores_, solution_.schedule, options);
        if (makespan_us(result.schedule) < makespan_us(solution_.schedule))
            solution_.method = "exact";
        solution_.schedule = std::move(result.schedule);
        if (result.proven)
            solution_.lower_bound_us =
                std::max(solution_.lower_bound_us, makespan_us(solution_.schedule));
        else
            solution_.notes.push_back(
                fmt::format("the exact search ended unproven after {} nodes", result.nodes));
    }

    bool messages_cost() const {
        return std::any_of(graph_.edges.begin(), graph_.edges.end(),
                           [](const Edge& e) { return e.cost_us > 0; });
    }

    void bounds(const TaskGraph& graph, double us) {
        Bounds b = lower_bounds(graph, Links(graph), *cores_, us);
        solution_.lower_bound_us = b.best_us();
        solution_.critical_path_us = b.critical_path_us;
        for (const Task& task : graph.tasks) solution_.serial_us += serial_us(task);
    }

    void finish() {
        solution_.cores = *cores_;
        CheckResult checked = check(solution_.graph, *cores_, solution_.schedule);
        solution_.peak_output_bytes = checked.peak_output_bytes;
        if (graph_.memory_bytes && checked.peak_output_bytes > *graph_.memory_bytes)
            throw UserError(
                "{}: outputs take {} bytes at once, of {} that there are; fewer cores or samples "
                "need less",
                what_, checked.peak_output_bytes, *graph_.memory_bytes);
        SMEATON_CHECK(checked.faults.empty(), "{}: {}", what_, checked.faults[0]);
        solution_.makespan_us = makespan_us(solution_.schedule);
        solution_.optimal = reached();
        // A sum of the same numbers in another order may end below the bound by rounding.
        solution_.lower_bound_us = std::min(solution_.lower_bound_us, solution_.makespan_us);
    }

    std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
    TaskGraph graph_;
    std::optional<Cores> cores_;
    SolveOptions options_;
    std::string what_;
    Solution solution_;
};

}  // namespace

Solution solve(const TaskGraph& graph, const std::optional<Cores>& cores,
               const SolveOptions& options, const std::string& what) {
    return Solving(graph, cores, options, what).run();
}

}  // namespace smeaton::schedule
