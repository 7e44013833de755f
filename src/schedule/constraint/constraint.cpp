#include "schedule/constraint/constraint.h"

#include <algorithm>
#include <cmath>

#include "schedule/bounds.h"
#include "schedule/time_unit.h"
#include "solver/constraint.h"

namespace smeaton::schedule {

namespace {

size_t at(int i) {
    return static_cast<size_t>(i);
}

// Whole units per us, and whether every time is whole in them.
struct Scale {
    double units = 1;
    bool exact = true;
};

Scale scale_of(const TaskGraph& graph, double makespan_us) {
    double unit = time_unit_us(graph);
    if (unit > 0 && makespan_us / unit < 0x1p40) return {1 / unit, true};
    return {0x1p30 / std::max(makespan_us, 1e-9), false};
}

class Constraints {
public:
    Constraints(const TaskGraph& graph, const Links& links, const Cores& cores,
                const Schedule& start)
        : graph_(graph),
          links_(links),
          cores_(cores),
          start_(start),
          scale_(scale_of(graph, makespan_us(start))),
          n_(static_cast<int>(graph.tasks.size())) {
        for (const Edge& e : graph.edges) alike_ &= e.cost_us == 0;
        for (const Task& task : graph.tasks) alike_ &= task.holds.size() == 1;
    }

    ConstraintResult run(const ConstraintOptions& options) {
        ConstraintResult result;
        result.schedule = start_;
        const double us = makespan_us(start_);
        result.lower_bound_us = lower_bounds(graph_, links_, cores_, us).best_us();
        build(whole(us) + (scale_.exact ? 0 : n_));
        solver::Answer answer = solver::minimise(problem_, {options.time_limit_s, options.effort});
        // Where times were rounded, each may have become longer by half a unit.
        double bound =
            (std::ceil(answer.bound - 1e-6) - (scale_.exact ? 0 : n_ + 1)) / scale_.units;
        result.lower_bound_us = std::max(result.lower_bound_us, bound);
        if (!answer.values.empty()) {
            Schedule found = schedule_by_times(graph_, links_, cores_, timing_of(answer));
            if (makespan_us(found) < us) result.schedule = std::move(found);
        }
        const double best = makespan_us(result.schedule);
        result.proven = best <= result.lower_bound_us * (1 + (scale_.exact ? 1e-9 : 1e-6));
        if (result.proven) result.lower_bound_us = best;
        return result;
    }

private:
    // At most 2^50, more than any horizon: what is longer cannot be taken, and may not overflow.
    int64_t whole(double us) const { return std::llround(std::min(us * scale_.units, 0x1p50)); }
    static solver::WholeSum sum(int variable, int64_t plus = 0) { return {{{variable, 1}}, plus}; }

    int add(int64_t low, int64_t high, int64_t start) {
        problem_.start.push_back(start);
        return problem_.add({low, high});
    }

    void build(int64_t horizon) {
        horizon_ = horizon;
        begin_.resize(at(n_));
        end_.resize(at(n_));
        size_.resize(at(n_));
        modes_.resize(at(n_));
        places_.resize(at(n_));
        last_ = add(0, horizon, whole(makespan_us(start_)));
        problem_.objective = sum(last_);
        for (int i = 0; i < n_; ++i) add_task(i);
        alike_ ? share_kinds() : give_places();
        for (const Edge& e : graph_.edges) add_edge(e);
    }

    void add_task(int i) {
        const Task& task = graph_.tasks[at(i)];
        const Placed& p = start_.tasks[at(i)];
        const int taken = static_cast<int>(p.cores.size() / task.holds.size());
        const int most = most_cores(task, cores_);
        begin_[at(i)] = add(0, horizon_, whole(p.start_us));
        end_[at(i)] = add(0, horizon_, whole(p.finish_us));
        size_[at(i)] =
            add(whole(fastest_us(task, most)), horizon_, whole(task.durations_us[at(taken - 1)]));
        std::vector<int> one;
        for (int k = 1; k <= most; ++k) {
            modes_[at(i)].push_back(-1);
            if (std::isinf(task.durations_us[at(k - 1)])) continue;
            int mode = modes_[at(i)].back() = add(0, 1, k == taken);
            one.push_back(mode);
            int64_t size = whole(task.durations_us[at(k - 1)]);
            problem_.rows.push_back({sum(size_[at(i)]), size, size, {mode}});
        }
        problem_.one_of.push_back(one);
        problem_.intervals.push_back({sum(begin_[at(i)]), sum(size_[at(i)]), sum(end_[at(i)]), {}});
        problem_.rows.push_back({{{{last_, 1}, {end_[at(i)], -1}}, 0}, 0, INT64_MAX / 4, {}});
    }

    // One resource per kind: each mode of each task an interval of its own.
    void share_kinds() {
        std::vector<solver::Resource> resources;
        for (const CoreKind& kind : cores_.kinds) resources.push_back({kind.count, {}, {}});
        for (int i = 0; i < n_; ++i) {
            const Task& task = graph_.tasks[at(i)];
            for (size_t k = 0; k < modes_[at(i)].size(); ++k) {
                if (modes_[at(i)][k] < 0) continue;
                for (int kind : task.holds) {
                    resources[at(kind)].intervals.push_back(
                        static_cast<int>(problem_.intervals.size()));
                    resources[at(kind)].amounts.push_back(static_cast<int64_t>(k) + 1);
                }
                problem_.intervals.push_back({sum(begin_[at(i)]),
                                              {{}, whole(task.durations_us[k])},
                                              sum(end_[at(i)]),
                                              {modes_[at(i)][k]}});
            }
        }
        for (solver::Resource& r : resources)
            if (!r.intervals.empty()) problem_.resources.push_back(std::move(r));
    }

    // A resource per core: a literal for each place that a task may take.
    void give_places() {
        std::vector<solver::Resource> resources(at(cores_.total()));
        const std::vector<std::vector<int>> start = slots_of(graph_, cores_, start_);
        int counts_before = 0;
        for (int i = 0; i < n_; ++i) {
            const Task& task = graph_.tasks[at(i)];
            solver::WholeSum count;
            counts_before += static_cast<int>(modes_[at(i)].size());
            for (int c = 0; c < places_for(task, cores_); ++c) {
                // Cores of the one kind have no names: the first tasks take the first places.
                bool open = cores_.kinds.size() > 1 || c < counts_before;
                bool here = std::binary_search(start[at(i)].begin(), start[at(i)].end(), c);
                int place = add(0, open, here);
                places_[at(i)].push_back(place);
                count.parts.push_back({place, 1});
                auto interval = static_cast<int>(problem_.intervals.size());
                problem_.intervals.push_back(
                    {sum(begin_[at(i)]), sum(size_[at(i)]), sum(end_[at(i)]), {place}});
                for (int kind : task.holds) {
                    solver::Resource& r = resources[at(cores_.first(kind) + c)];
                    r.intervals.push_back(interval);
                    r.amounts.push_back(1);
                }
            }
            for (size_t k = 0; k < modes_[at(i)].size(); ++k)
                if (modes_[at(i)][k] >= 0)
                    count.parts.push_back({modes_[at(i)][k], -static_cast<int64_t>(k) - 1});
            problem_.rows.push_back({count, 0, 0, {}});
        }
        for (solver::Resource& r : resources)
            if (!r.intervals.empty()) problem_.resources.push_back(std::move(r));
        share_kinds();  // implied, but seen sooner
    }

    void add_edge(const Edge& e) {
        solver::WholeSum wait{{{begin_[at(e.to.v)], 1}, {end_[at(e.from.v)], -1}}, 0};
        const int64_t due = whole(e.cost_us);
        int shared = due > 0 ? add_shared(e) : -1;
        problem_.rows.push_back({wait, due > 0 && shared < 0 ? due : 0, INT64_MAX / 4, {}});
        if (shared >= 0)
            problem_.rows.push_back({wait, due, INT64_MAX / 4, {solver::not_(shared)}});
    }

    // A literal that holds only where both ends take a place in common; -1 where none can be.
    int add_shared(const Edge& e) {
        const std::vector<int>&from = graph_.at(e.from).holds, &to = graph_.at(e.to).holds;
        int common = 0;
        for (int kind : from)
            if (std::find(to.begin(), to.end(), kind) != to.end())
                common = std::max(common, cores_.kinds[at(kind)].count);
        common = std::min({common, static_cast<int>(places_[at(e.from.v)].size()),
                           static_cast<int>(places_[at(e.to.v)].size())});
        if (common == 0) return -1;
        const std::vector<int>&a = start_.tasks[at(e.from.v)].cores,
              &b = start_.tasks[at(e.to.v)].cores;
        int shared = add(0, 1, share_core(a, b));
        std::vector<int> some = {solver::not_(shared)};
        for (int c = 0; c < common; ++c) {
            int p = places_[at(e.from.v)][at(c)], q = places_[at(e.to.v)][at(c)];
            int both = add(0, 1, problem_.start[at(p)] == 1 && problem_.start[at(q)] == 1);
            problem_.any_of.push_back({solver::not_(both), p});
            problem_.any_of.push_back({solver::not_(both), q});
            some.push_back(both);
        }
        problem_.any_of.push_back(some);
        return shared;
    }

    Timing timing_of(const solver::Answer& answer) const {
        auto value = [&](int variable) { return answer.values[at(variable)]; };
        Timing timing;
        for (int i = 0; i < n_; ++i) {
            timing.start_us.push_back(value(begin_[at(i)]) / scale_.units);
            timing.finish_us.push_back(value(end_[at(i)]) / scale_.units);
            int count = 1;
            for (size_t k = 0; k < modes_[at(i)].size(); ++k)
                if (modes_[at(i)][k] >= 0 && value(modes_[at(i)][k]) == 1)
                    count = static_cast<int>(k) + 1;
            timing.counts.push_back(count);
            timing.slots.emplace_back();
            for (size_t c = 0; c < places_[at(i)].size(); ++c)
                if (value(places_[at(i)][c]) == 1)
                    timing.slots.back().push_back(static_cast<int>(c));
        }
        return timing;
    }

    const TaskGraph& graph_;
    const Links& links_;
    const Cores& cores_;
    const Schedule& start_;
    Scale scale_;
    int n_;
    bool alike_ = true;
    int64_t horizon_ = 0;
    solver::ConstraintProblem problem_;
    int last_ = 0;
    std::vector<int> begin_, end_, size_;
    std::vector<std::vector<int>> modes_,
        places_;  // literals; modes_[i][k - 1]: -1: not on so many
};

}  // namespace

ConstraintResult solve_constraints(const TaskGraph& graph, const Links& links, const Cores& cores,
                                   const Schedule& start, const ConstraintOptions& options) {
    return Constraints(graph, links, cores, start).run(options);
}

}  // namespace smeaton::schedule
