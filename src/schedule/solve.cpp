#include "schedule/solve.h"

#include <algorithm>

#include "base/error.h"
#include "schedule/bounds.h"
#include "schedule/check.h"
#include "schedule/exact/exact.h"
#include "schedule/list/list.h"

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
constexpr int64_t kAutoNodes = 300'000;

bool as_good(double us, double bound_us) {
    return us <= bound_us * (1 + 1e-9);
}

class Solving {
public:
    Solving(const TaskGraph& graph, std::optional<Cores> cores, const SolveOptions& options,
            std::string what)
        : graph_(graph), cores_(std::move(cores)), options_(options), what_(std::move(what)) {}

    Solution run() {
        verify(graph_, what_);
        if (cores_) verify(graph_, *cores_, what_);
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
        bound_graph_ = samples_of(graph_, options_.samples);
        TaskGraph graph = graph_;
        LinearFigures figures;
        LinearClusters clusters = cluster_linear(graph, Links(graph));
        if (options_.clone)
            if (auto cloned = clone_tasks(graph, clusters)) {
                graph = std::move(cloned->graph);
                figures.clones = cloned->clones;
                clusters = cluster_linear(graph, Links(graph));
            }
        figures.clusters = static_cast<int>(clusters.clusters.size());
        figures.merged = static_cast<int>(clusters.workers.size());
        figures.longest_way_us =
            *std::max_element(clusters.distance_us.begin(), clusters.distance_us.end());
        HyperClusters hyper = hyper_clusters(graph, clusters, options_.samples, options_.hyper);
        solution_.messages = messages(hyper.graph, hyper.workers);
        if (!cores_) cores_ = cores_of_one_kind(figures.merged);
        hyper.workers = fold_workers(hyper.graph, hyper.workers, cores_->total());
        solution_.schedule = schedule_hyper(hyper);
        solution_.graph = std::move(hyper.graph);
        solution_.linear = figures;
        solution_.method = "linear";
        bounds(bound_graph_, makespan_us(solution_.schedule));
    }

    void searched() {
        solution_.graph = samples_of(graph_, options_.samples);
        const TaskGraph& graph = solution_.graph;
        Links links(graph);
        ListOptions list;
        list.time_limit_s = options_.time_limit_s;
        if (options_.algorithm != Algorithm::List) {
            list.effort = 200'000;
            if (list.time_limit_s) *list.time_limit_s /= 4;
        }
        solution_.schedule = search_list(graph, links, *cores_, list);
        solution_.method = "list";
        bounds(graph, makespan_us(solution_.schedule));
        if (options_.algorithm != Algorithm::List && !reached()) exact(links);
        solution_.messages = messages(graph, solution_.schedule);
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
        options.time_limit_s = options_.time_limit_s;
        if (options_.algorithm == Algorithm::Auto) options.max_nodes = kAutoNodes;
        ExactResult result = search_exact(graph, links, *cores_, solution_.schedule, options);
        if (makespan_us(result.schedule) < makespan_us(solution_.schedule))
            solution_.method = "exact";
        solution_.schedule = std::move(result.schedule);
        if (result.proven)
            proven();
        else
            solution_.notes.push_back(
                fmt::format("the exact search ended unproven after {} nodes", result.nodes));
    }

    void proven() {
        solution_.lower_bound_us =
            std::max(solution_.lower_bound_us, makespan_us(solution_.schedule));
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

    TaskGraph graph_, bound_graph_;
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
