#include <algorithm>
#include <chrono>
#include <cmath>
#include <random>

#include "schedule/bounds.h"
#include "schedule/list/list.h"

namespace smeaton::schedule {

namespace {

// Time turned round: what was last comes first.
TaskGraph reversed(const TaskGraph& graph) {
    TaskGraph back = graph;
    for (Edge& e : back.edges) std::swap(e.from, e.to);
    return back;
}

struct Plan {
    Schedule schedule;
    std::vector<int> counts;
    double us = 0;
};

class Search {
public:
    Search(const TaskGraph& graph, const Links& links, const Cores& cores,
           const ListOptions& options)
        : graph_(graph),
          back_(reversed(graph)),
          links_(links),
          back_links_(back_),
          cores_(cores),
          options_(options),
          bound_us_(lower_bounds(graph, links, cores, 0).best_us()),
          start_(std::chrono::steady_clock::now()) {
        for (const Task& task : graph.tasks) most_.push_back(most_cores(task, cores));
        moldable_ = std::any_of(most_.begin(), most_.end(), [](int k) { return k > 1; });
    }

    Schedule run() {
        for (const std::vector<int>& counts : first_counts())
            for (double message : {1.0, 0.0, 0.5})
                consider(made(upward_rank(graph_, links_, counts, message), counts));
        current_ = best_;
        while (!done()) step();
        return best_.schedule;
    }

private:
    // Numbers of cores to start from: one each; the fastest each; and what balances the critical
    // path with the work, raised from one where the path gains most.
    std::vector<std::vector<int>> first_counts() const {
        std::vector<int> one, fastest;
        for (size_t t = 0; t < graph_.tasks.size(); ++t) {
            const std::vector<double>& d = graph_.tasks[t].durations_us;
            int first = 1;
            while (std::isinf(d[static_cast<size_t>(first) - 1])) ++first;
            one.push_back(first);
            fastest.push_back(
                static_cast<int>(std::min_element(d.begin(), d.begin() + most_[t]) - d.begin()) +
                1);
        }
        if (!moldable_) return {one};
        return {one, fastest, balanced(one)};
    }

    std::vector<int> balanced(std::vector<int> counts) const {
        const double cores = cores_.total();
        for (int left = 64; left > 0; --left) {
            std::vector<double> rank = upward_rank(graph_, links_, counts, 1);
            double path = *std::max_element(rank.begin(), rank.end()), work = 0;
            for (size_t t = 0; t < counts.size(); ++t)
                work += counts[t] * duration(t, counts[t]) *
                        static_cast<double>(graph_.tasks[t].holds.size());
            if (path <= work / cores || !raise_along_path(rank, path, counts)) break;
        }
        return counts;
    }

    // One more core for every task of the longest way that gets faster by it.
    bool raise_along_path(const std::vector<double>& rank, double path,
                          std::vector<int>& counts) const {
        int at = -1;
        bool raised = false;
        for (size_t t = 0; t < rank.size() && at < 0; ++t)
            if (rank[t] == path) at = static_cast<int>(t);
        while (at >= 0) {
            auto i = static_cast<size_t>(at);
            if (counts[i] < most_[i] && duration(i, counts[i] + 1) < duration(i, counts[i])) {
                ++counts[i];
                raised = true;
            }
            at = -1;
            double far = 0;
            for (int e : links_.out(static_cast<int>(i))) {
                const Edge& edge = graph_.edges[static_cast<size_t>(e)];
                double there = edge.cost_us + rank[static_cast<size_t>(edge.to.v)];
                if (at >= 0 && there <= far) continue;
                at = edge.to.v;
                far = there;
            }
        }
        return raised;
    }

    double duration(size_t task, int count) const {
        return graph_.tasks[task].durations_us[static_cast<size_t>(count) - 1];
    }

    // A schedule by that urgency, turned round and back as long as it gets shorter.
    Plan made(const std::vector<double>& urgency, const std::vector<int>& counts) {
        Plan plan{list_schedule(graph_, links_, cores_, urgency, counts), counts, 0};
        plan.us = makespan_us(plan.schedule);
        placed_ += static_cast<int64_t>(counts.size());
        while (!done()) {
            Schedule back = list_schedule(
                back_, back_links_, cores_,
                by([](const Placed& p) { return p.finish_us; }, plan.schedule), counts);
            double end = makespan_us(back);
            // Where turned back a task would start at end - finish: early means urgent.
            Schedule forth =
                list_schedule(graph_, links_, cores_,
                              by([](const Placed& p) { return p.finish_us; }, back), counts);
            placed_ += 2 * static_cast<int64_t>(counts.size());
            double us = std::min(end, makespan_us(forth));
            if (!(us < plan.us)) break;
            plan.schedule = makespan_us(forth) <= end ? forth : mirrored(back, end);
            plan.us = us;
        }
        return plan;
    }

    template <class Key>
    static std::vector<double> by(Key key, const Schedule& schedule) {
        std::vector<double> urgency;
        for (const Placed& p : schedule.tasks) urgency.push_back(key(p));
        return urgency;
    }

    static Schedule mirrored(Schedule schedule, double end_us) {
        for (Placed& p : schedule.tasks) {
            double start = end_us - p.finish_us;
            p.finish_us = end_us - p.start_us;
            p.start_us = start;
        }
        return schedule;
    }

    void consider(Plan plan) {
        if (best_.schedule.tasks.empty() || plan.us < best_.us) best_ = std::move(plan);
    }

    // One try: the order of the current schedule with noise on it, some numbers of cores changed.
    void step() {
        std::vector<int> counts = current_.counts;
        std::uniform_real_distribution<double> share(0, 1);
        const double noise = std::pow(share(random_), 2) * 0.3 * current_.us;
        std::vector<double> urgency;
        for (const Placed& p : current_.schedule.tasks)
            urgency.push_back(-p.start_us + noise * (share(random_) - 0.5));
        if (moldable_) {
            int changes = 1 + static_cast<int>(share(random_) * 3);
            for (int k = 0; k < changes; ++k) change_count(counts);
        }
        Plan plan = made(urgency, counts);
        // A little worse is taken too, so that it does not stay where it is.
        if (plan.us <= current_.us * (1 + 0.01 * share(random_))) current_ = plan;
        if (plan.us < best_.us) best_ = plan;
        if (++since_best_ > kPatience || best_.us < last_best_) {
            if (best_.us >= last_best_) current_ = best_;
            last_best_ = best_.us;
            since_best_ = 0;
        }
    }

    void change_count(std::vector<int>& counts) {
        auto t = static_cast<size_t>(random_() % counts.size());
        if (most_[t] < 2) return;
        int k = 1 + static_cast<int>(random_() % static_cast<uint64_t>(most_[t]));
        if (std::isfinite(duration(t, k))) counts[t] = k;
    }

    bool done() const {
        if (!best_.schedule.tasks.empty() && best_.us <= bound_us_ * (1 + 1e-12)) return true;
        if (!options_.time_limit_s) return placed_ >= options_.effort;
        std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start_;
        return spent.count() >= *options_.time_limit_s;
    }

    static constexpr int kPatience = 50;

    const TaskGraph& graph_;
    TaskGraph back_;
    const Links& links_;
    Links back_links_;
    const Cores& cores_;
    ListOptions options_;
    double bound_us_;
    std::mt19937_64 random_{1};
    std::chrono::steady_clock::time_point start_;
    std::vector<int> most_;
    bool moldable_ = false;
    int64_t placed_ = 0;
    Plan best_, current_;
    double last_best_ = 0;
    int since_best_ = 0;
};

}  // namespace

Schedule search_list(const TaskGraph& graph, const Links& links, const Cores& cores,
                     const ListOptions& options) {
    return Search(graph, links, cores, options).run();
}

}  // namespace smeaton::schedule
