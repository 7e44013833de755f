#include "schedule/check.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace smeaton::schedule {

namespace {

class Check {
public:
    Check(const TaskGraph& graph, const Cores& cores, const Schedule& schedule)
        : graph_(graph), cores_(cores), schedule_(schedule) {}

    CheckResult run() {
        if (!complete()) return result_;
        double end = 0;
        for (const Placed& p : schedule_.tasks) end = std::max(end, std::abs(p.finish_us));
        slack_ = 1e-9 * end;
        for (const Placed& p : schedule_.tasks) check_task(p);
        for (const Edge& e : graph_.edges) check_edge(e);
        check_cores();
        check_order();
        check_memory();
        return result_;
    }

private:
    template <class... Args>
    void fault(fmt::format_string<Args...> text, Args&&... args) {
        result_.faults.push_back(fmt::format(text, std::forward<Args>(args)...));
    }
    const std::string& name(TaskId id) const { return graph_.at(id).name; }
    const Placed& of(TaskId id) const { return schedule_.tasks[static_cast<size_t>(id.v)]; }

    bool complete() {
        if (schedule_.tasks.size() != graph_.tasks.size())
            fault("{} entries for {} tasks", schedule_.tasks.size(), graph_.tasks.size());
        for (size_t i = 0; i < schedule_.tasks.size(); ++i)
            if (schedule_.tasks[i].task.v != static_cast<int>(i))
                fault("entry {} is of task {}", i, schedule_.tasks[i].task.v);
        return result_.faults.empty();
    }

    // Kind by kind, the places taken within the kind.
    std::map<int, std::vector<int>> places(const Placed& p) {
        std::map<int, std::vector<int>> by_kind;
        for (int core : p.cores) {
            int kind = 0, rest = core;
            while (kind < static_cast<int>(cores_.kinds.size()) &&
                   rest >= cores_.kinds[static_cast<size_t>(kind)].count)
                rest -= cores_.kinds[static_cast<size_t>(kind++)].count;
            if (core < 0 || kind == static_cast<int>(cores_.kinds.size()))
                fault("{} runs on core {}, which there is not", name(p.task), core);
            else
                by_kind[kind].push_back(rest);
        }
        return by_kind;
    }

    void check_task(const Placed& p) {
        const Task& task = graph_.at(p.task);
        if (p.cores.empty()) return fault("{} runs on no core", task.name);
        if (std::adjacent_find(p.cores.begin(), p.cores.end(), std::greater_equal<>()) !=
            p.cores.end())
            return fault("{}: cores are not ascending", task.name);
        auto by_kind = places(p);
        std::vector<int> kinds;
        for (const auto& [kind, slots] : by_kind) kinds.push_back(kind);
        if (kinds != task.holds) return fault("{} runs on other kinds than it holds", task.name);
        const std::vector<int>& slots = by_kind.begin()->second;
        for (const auto& [kind, others] : by_kind)
            if (others != slots) fault("{} takes other numbers of each kind", task.name);
        if (slots.size() > task.durations_us.size())
            return fault("{} runs on {} cores", task.name, slots.size());
        double takes = task.durations_us[slots.size() - 1];
        if (!(p.start_us >= -slack_) || !(std::abs(p.finish_us - p.start_us - takes) <= slack_))
            fault("{} runs from {} to {}, but takes {}", task.name, p.start_us, p.finish_us, takes);
    }

    void check_edge(const Edge& e) {
        const Placed &from = of(e.from), &to = of(e.to);
        bool shared = std::any_of(from.cores.begin(), from.cores.end(), [&](int c) {
            return std::find(to.cores.begin(), to.cores.end(), c) != to.cores.end();
        });
        double ready = from.finish_us + (shared ? 0 : e.cost_us);
        if (to.start_us < ready - slack_)
            fault("{} starts at {}, but what it needs of {} is there at {}", name(e.to),
                  to.start_us, name(e.from), ready);
    }

    // Tasks of each core in the order in which it runs them; of two that start together the one
    // that takes no time comes first, of two such the one that the other may wait for.
    void check_cores() {
        std::vector<int> depth = depths();
        on_core_.assign(static_cast<size_t>(cores_.total()), {});
        for (const Placed& p : schedule_.tasks)
            for (int c : p.cores)
                if (c >= 0 && c < cores_.total())
                    on_core_[static_cast<size_t>(c)].push_back(p.task.v);
        for (size_t c = 0; c < on_core_.size(); ++c) {
            auto key = [&](int t) {
                const Placed& p = schedule_.tasks[static_cast<size_t>(t)];
                return std::tuple(p.start_us, p.finish_us, depth[static_cast<size_t>(t)], t);
            };
            std::sort(on_core_[c].begin(), on_core_[c].end(),
                      [&](int a, int b) { return key(a) < key(b); });
            for (size_t i = 1; i < on_core_[c].size(); ++i) {
                const Placed &a = of({on_core_[c][i - 1]}), &b = of({on_core_[c][i]});
                if (b.start_us < a.finish_us - slack_)
                    fault("core {} runs {} and {} at once", c, name(a.task), name(b.task));
            }
        }
    }

    std::vector<int> depths() const {
        std::vector<int> depth(graph_.tasks.size(), 0);
        Links links(graph_);
        for (int t : links.order())
            for (int e : links.out(t)) {
                int& to = depth[static_cast<size_t>(graph_.edges[static_cast<size_t>(e)].to.v)];
                to = std::max(to, depth[static_cast<size_t>(t)] + 1);
            }
        return depth;
    }

    // Each core does its tasks in their order and waits for what they need: does that come to an
    // end?
    void check_order() {
        size_t n = graph_.tasks.size();
        std::vector<std::vector<int>> after(n);
        std::vector<int> waits(n, 0), ready;
        auto add = [&](int a, int b) {
            after[static_cast<size_t>(a)].push_back(b);
            ++waits[static_cast<size_t>(b)];
        };
        for (const Edge& e : graph_.edges) add(e.from.v, e.to.v);
        for (const std::vector<int>& tasks : on_core_)
            for (size_t i = 1; i < tasks.size(); ++i) add(tasks[i - 1], tasks[i]);
        for (size_t t = 0; t < n; ++t)
            if (waits[t] == 0) ready.push_back(static_cast<int>(t));
        size_t done = 0;
        for (; !ready.empty(); ++done) {
            int t = ready.back();
            ready.pop_back();
            for (int next : after[static_cast<size_t>(t)])
                if (--waits[static_cast<size_t>(next)] == 0) ready.push_back(next);
        }
        for (size_t t = 0; done < n && t < n; ++t)
            if (waits[t] > 0) {
                fault("the cores wait for each other for ever, {} among them",
                      graph_.tasks[t].name);
                return;
            }
    }

    void check_memory() {
        std::vector<double> until;
        for (const Placed& p : schedule_.tasks) until.push_back(p.finish_us);
        for (const Edge& e : graph_.edges) {
            double& end = until[static_cast<size_t>(e.from.v)];
            end = std::max(end, of(e.to).finish_us);
        }
        // Ends before starts at the same time: what is dead makes room.
        std::vector<std::tuple<double, int, double>> changes;
        for (size_t t = 0; t < until.size(); ++t) {
            double bytes = graph_.tasks[t].output_bytes;
            if (bytes == 0) continue;
            changes.emplace_back(schedule_.tasks[t].start_us, 1, bytes);
            changes.emplace_back(until[t], 0, -bytes);
        }
        std::sort(changes.begin(), changes.end());
        double alive = 0;
        for (const auto& [time, kind, bytes] : changes) {
            alive += bytes;
            result_.peak_output_bytes = std::max(result_.peak_output_bytes, alive);
        }
        if (graph_.memory_bytes && result_.peak_output_bytes > *graph_.memory_bytes)
            fault("{} bytes of outputs are alive at once, of {} that there are",
                  result_.peak_output_bytes, *graph_.memory_bytes);
    }

    const TaskGraph& graph_;
    const Cores& cores_;
    const Schedule& schedule_;
    double slack_ = 0;
    std::vector<std::vector<int>> on_core_;
    CheckResult result_;
};

}  // namespace

CheckResult check(const TaskGraph& graph, const Cores& cores, const Schedule& schedule) {
    return Check(graph, cores, schedule).run();
}

}  // namespace smeaton::schedule
