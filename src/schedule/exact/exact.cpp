#include "schedule/exact/exact.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <tuple>

#include "base/error.h"
#include "schedule/bounds.h"
#include "schedule/exact/places.h"
#include "schedule/exact/seen.h"
#include "schedule/time_unit.h"

namespace smeaton::schedule {

namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();
// A node with more ways to go on is not searched: of cores in different states, each subset is one.
constexpr size_t kMostWays = 50'000;
constexpr int64_t kWaysPerLook = 1000;  // at the clock

struct Child {
    int task = 0;
    std::vector<int> slots;
    double start_us = 0, finish_us = 0, bound_us = 0;
};

class Exact {
public:
    Exact(const TaskGraph& graph, const Links& links, const Cores& cores, const Schedule& start,
          const ExactOptions& options)
        : graph_(graph),
          links_(links),
          cores_(cores),
          options_(options),
          ends_(heads_and_tails(graph, links, cores)),
          state_(graph, links, cores),
          seen_(state_),
          began_(std::chrono::steady_clock::now()) {
        result_.schedule = start;
        unit_us_ = time_unit_us(graph);
        best_us_ = makespan_us(start);
        for (const Task& task : graph.tasks) {
            most_.push_back(most_cores(task, cores));
            area_.push_back(least_area_us(task, most_.back()));
        }
        for (size_t t = 0; t < graph.tasks.size(); ++t) by_tail_.push_back(static_cast<int>(t));
        std::sort(by_tail_.begin(), by_tail_.end(), [&](int a, int b) {
            double x = ends_.tail_us[static_cast<size_t>(a)],
                   y = ends_.tail_us[static_cast<size_t>(b)];
            return x != y ? x > y : a < b;
        });
        root_bound_us_ = lower_bounds(graph, links, cores, best_us_).best_us();
    }

    ExactResult run() {
        if (!reached()) dive();
        result_.proven = reached() || !stopped_;
        return result_;
    }

private:
    bool no_better(double bound_us) const {
        return rounded_up_us(bound_us, unit_us_) >= best_us_ * (1 - 1e-9);
    }
    bool reached() const { return no_better(root_bound_us_); }

    bool out_of_budget() {
        if (result_.nodes >= options_.max_nodes || ways_ >= options_.max_ways) return true;
        if (!options_.time_limit_s || ways_ < next_look_) return false;
        next_look_ = ways_ + kWaysPerLook;
        std::chrono::duration<double> spent = std::chrono::steady_clock::now() - began_;
        return spent.count() >= *options_.time_limit_s;
    }

    void dive() {
        ++result_.nodes;
        if (stopped_ || (stopped_ = out_of_budget())) return;
        if (state_.left() == 0) {
            if (state_.end_us() < best_us_) {
                best_us_ = state_.end_us();
                result_.schedule = state_.schedule();
            }
            return;
        }
        std::vector<Child> children = branch();
        for (const Child& child : children) {
            if (no_better(child.bound_us)) break;
            State::Undo undo = state_.place(child.task, child.slots, child.start_us);
            if (!seen_.dominated()) dive();
            state_.take_back(undo);
            if (stopped_ || reached()) return;
        }
    }

    // Ways to go on, the most promising first.
    std::vector<Child> branch() {
        std::vector<Child> children;
        size_t room = kMostWays;
        for (size_t t = 0; t < graph_.tasks.size(); ++t) {
            if (!state_.ready(static_cast<int>(t))) continue;
            for (int count = 1; count <= most_[t]; ++count)
                if (graph_.tasks[t].durations_us[static_cast<size_t>(count) - 1] < kNever)
                    add_children(static_cast<int>(t), count, room, children);
        }
        if (stopped_) return {};
        drop_beaten(children);
        for (Child& child : children) {
            State::Undo undo = state_.place(child.task, child.slots, child.start_us);
            child.bound_us = bound_us();
            state_.take_back(undo);
        }
        auto key = [&](const Child& c) {
            auto t = static_cast<size_t>(c.task);
            return std::tuple(c.bound_us, -(ends_.tail_us[t] + ends_.fastest_us[t]), c.finish_us);
        };
        std::stable_sort(children.begin(), children.end(),
                         [&](const Child& a, const Child& b) { return key(a) < key(b); });
        return children;
    }

    // Of the ways that there is still room for; the search stops where that is used up.
    void add_children(int task, int count, size_t& room, std::vector<Child>& children) {
        if (stopped_) return;
        double takes =
            graph_.tasks[static_cast<size_t>(task)].durations_us[static_cast<size_t>(count) - 1];
        std::vector<std::vector<int>> sets = state_.places(task, count, room);
        room -= sets.size();
        stopped_ = room == 0;
        ways_ += static_cast<int64_t>(sets.size());
        for (std::vector<int>& slots : sets) {
            double start = state_.earliest_us(task, slots);
            // Earlier than the task placed last: another order of placing meets it.
            if (start < state_.last_start_us()) continue;
            children.push_back({task, std::move(slots), start, start + takes, 0});
        }
    }

    // Without messages: to start when another could have ended leaves a hole that this other fits.
    void drop_beaten(std::vector<Child>& children) const {
        if (!state_.cores_alike()) return;
        double first_end = kNever;
        for (const Child& c : children) first_end = std::min(first_end, c.finish_us);
        std::erase_if(children, [&](const Child& c) {
            return c.start_us >= first_end && c.finish_us > first_end;
        });
    }

    // Of all ways to complete the state.
    double bound_us() {
        double bound = state_.end_us();
        head_.assign(graph_.tasks.size(), state_.last_start_us());
        for (int t : links_.order()) {
            auto i = static_cast<size_t>(t);
            double end = state_.done(t) ? state_.finish_us(t) : head_[i] + ends_.fastest_us[i];
            if (!state_.done(t)) bound = std::max(bound, end + ends_.tail_us[i]);
            for (int e : links_.out(t)) {
                double& head =
                    head_[static_cast<size_t>(graph_.edges[static_cast<size_t>(e)].to.v)];
                head = std::max(head, end);
            }
        }
        for (size_t kind = 0; kind < cores_.kinds.size(); ++kind)
            bound = std::max(bound, work_bound_us(static_cast<int>(kind)));
        return bound;
    }

    // Tasks followed by q or more, for every q: the time x by which the cores, each from when it is
    // free on, can have done their work, and q.
    double work_bound_us(int kind) {
        state_.free_times(kind, free_);
        double area = 0, free_sum = 0, bound = 0;
        size_t used = 0;  // cores that are free before x
        for (int t : by_tail_) {
            auto i = static_cast<size_t>(t);
            const std::vector<int>& holds = graph_.tasks[i].holds;
            if (state_.done(t) || std::find(holds.begin(), holds.end(), kind) == holds.end())
                continue;
            area += area_[i];
            auto x = [&] { return (free_sum + area) / static_cast<double>(used); };
            while (used < free_.size() && (used == 0 || free_[used] < x()))
                free_sum += free_[used++];
            bound = std::max(bound, x() + ends_.tail_us[i]);
        }
        return bound;
    }

    const TaskGraph& graph_;
    const Links& links_;
    const Cores& cores_;
    ExactOptions options_;
    HeadsAndTails ends_;
    State state_;
    Seen seen_;
    std::chrono::steady_clock::time_point began_;
    std::vector<int> most_, by_tail_;
    std::vector<double> area_, head_, free_;
    double best_us_ = kNever, root_bound_us_ = 0, unit_us_ = 0;
    int64_t ways_ = 0, next_look_ = 0;
    bool stopped_ = false;
    ExactResult result_;
};

}  // namespace

ExactResult search_exact(const TaskGraph& graph, const Links& links, const Cores& cores,
                         const Schedule& start, const ExactOptions& options) {
    SMEATON_CHECK(graph.tasks.size() <= kExactTasks, "{} tasks", graph.tasks.size());
    return Exact(graph, links, cores, start, options).run();
}

}  // namespace smeaton::schedule
