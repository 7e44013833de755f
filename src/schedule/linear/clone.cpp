#include <algorithm>
#include <map>
#include <set>

#include "schedule/linear/linear.h"

namespace smeaton::schedule {

namespace {

constexpr double kMostAdded = 0.1;  // of the graph's work

class Cloning {
public:
    Cloning(const TaskGraph& graph, const LinearClusters& linear)
        : graph_(graph), links_(graph), worker_(worker_of_tasks(graph, linear.workers)) {
        for (const Task& task : graph.tasks) names_.insert(task.name);
    }

    CloneResult run() {
        double work = 0;
        for (const Task& task : graph_.tasks) work += serial_us(task);
        double left = kMostAdded * work;
        result_.graph = graph_;
        for (int t : links_.order())
            for (const auto& [worker, message_us] : readers_elsewhere(t)) {
                double us = serial_us(graph_.tasks[static_cast<size_t>(t)]);
                if (us >= message_us || us > left || !all_at_hand(t, worker)) continue;
                left -= us;
                add_clone(t, worker);
            }
        relink();
        return std::move(result_);
    }

private:
    // Workers that the task's result is sent to, with the dearest message.
    std::map<int, double> readers_elsewhere(int t) const {
        std::map<int, double> readers;
        for (int e : links_.out(t)) {
            const Edge& edge = graph_.edges[static_cast<size_t>(e)];
            int worker = worker_[static_cast<size_t>(edge.to.v)];
            if (worker == worker_[static_cast<size_t>(t)]) continue;
            double& us = readers.try_emplace(worker, 0).first->second;
            us = std::max(us, edge.cost_us);
        }
        return readers;
    }

    int copy_at(int t, int worker) const {
        if (worker_[static_cast<size_t>(t)] == worker) return t;
        auto found = clone_.find({t, worker});
        return found == clone_.end() ? -1 : found->second;
    }

    bool all_at_hand(int t, int worker) const {
        auto in = links_.in(t);
        return std::all_of(in.begin(), in.end(), [&](int e) {
            return copy_at(graph_.edges[static_cast<size_t>(e)].from.v, worker) >= 0;
        });
    }

    void add_clone(int t, int worker) {
        TaskGraph& graph = result_.graph;
        auto id = static_cast<int>(graph.tasks.size());
        Task task = graph_.tasks[static_cast<size_t>(t)];
        std::string base = task.name;
        for (int k = 2; !names_.insert(task.name = base + "#" + std::to_string(k)).second;) ++k;
        graph.tasks.push_back(std::move(task));
        for (int e : links_.in(t)) {
            Edge edge = graph_.edges[static_cast<size_t>(e)];
            edge.from = {copy_at(edge.from.v, worker)};
            edge.to = {id};
            graph.edges.push_back(edge);
        }
        clone_[{t, worker}] = id;
        ++result_.clones;
    }

    // Readers take the copy of their own worker.
    void relink() {
        for (size_t e = 0; e < graph_.edges.size(); ++e) {
            Edge& edge = result_.graph.edges[e];
            int copy = copy_at(edge.from.v, worker_[static_cast<size_t>(edge.to.v)]);
            if (copy >= 0) edge.from = {copy};
        }
    }

    const TaskGraph& graph_;
    Links links_;
    std::vector<int> worker_;
    std::set<std::string> names_;
    std::map<std::pair<int, int>, int> clone_;  // (task, worker) -> task of the new graph
    CloneResult result_;
};

double length_us(const TaskGraph& graph, const Links& links, const LinearClusters& linear) {
    return makespan_us(schedule_workers(graph, links, linear.workers, linear.distance_us));
}

}  // namespace

std::optional<CloneResult> clone_tasks(const TaskGraph& graph, const LinearClusters& linear) {
    CloneResult cloned = Cloning(graph, linear).run();
    if (cloned.clones == 0) return std::nullopt;
    const Links links(cloned.graph);
    cloned.linear = cluster_linear(cloned.graph, links);
    if (length_us(cloned.graph, links, cloned.linear) >= length_us(graph, Links(graph), linear))
        return std::nullopt;
    return cloned;
}

}  // namespace smeaton::schedule
