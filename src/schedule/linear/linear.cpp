#include "schedule/linear/linear.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "base/error.h"

namespace smeaton::schedule {

std::vector<double> distances_to_end(const TaskGraph& graph, const Links& links) {
    std::vector<double> d(graph.tasks.size(), 0);
    for (auto t = links.order().rbegin(); t != links.order().rend(); ++t) {
        double rest = 0;
        for (int e : links.out(*t)) {
            const Edge& edge = graph.edges[static_cast<size_t>(e)];
            rest = std::max(rest, edge.cost_us + d[static_cast<size_t>(edge.to.v)]);
        }
        d[static_cast<size_t>(*t)] = serial_us(graph.tasks[static_cast<size_t>(*t)]) + rest;
    }
    return d;
}

namespace {

// Tasks by falling d, ties by their place in the order of the links.
struct Earlier {
    const std::vector<double>& distance;
    const std::vector<int>& position;
    bool operator()(int a, int b) const {
        auto x = static_cast<size_t>(a), y = static_cast<size_t>(b);
        return distance[x] != distance[y] ? distance[x] > distance[y] : position[x] < position[y];
    }
};

std::vector<int> by_distance(const Links& links, const std::vector<double>& distance_us) {
    std::vector<int> tasks = links.order();
    std::sort(tasks.begin(), tasks.end(), Earlier{distance_us, links.position()});
    return tasks;
}

}  // namespace

std::vector<std::vector<int>> linear_clusters(const TaskGraph& graph, const Links& links,
                                              const std::vector<double>& distance_us) {
    Earlier earlier{distance_us, links.position()};
    std::vector<bool> placed(graph.tasks.size(), false);
    std::vector<std::vector<int>> clusters;
    for (int head : by_distance(links, distance_us)) {
        if (placed[static_cast<size_t>(head)]) continue;
        clusters.emplace_back();
        for (int t = head; t >= 0;) {
            clusters.back().push_back(t);
            placed[static_cast<size_t>(t)] = true;
            int next = -1;
            for (int e : links.out(t)) {
                int to = graph.edges[static_cast<size_t>(e)].to.v;
                if (!placed[static_cast<size_t>(to)] && (next < 0 || earlier(to, next))) next = to;
            }
            t = next;
        }
    }
    return clusters;
}

std::vector<std::vector<int>> merge_clusters(const std::vector<std::vector<int>>& clusters,
                                             const std::vector<double>& distance_us) {
    auto d = [&](int t) { return distance_us[static_cast<size_t>(t)]; };
    std::vector<size_t> order(clusters.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
        return d(clusters[a].front()) > d(clusters[b].front());
    });
    std::vector<std::vector<int>> workers;
    std::set<std::pair<double, size_t>> ends;  // last d of each worker
    for (size_t c : order) {
        auto found = ends.upper_bound({d(clusters[c].front()), clusters.size()});
        size_t worker = workers.size();
        if (found == ends.end()) {
            workers.emplace_back();
        } else {
            worker = found->second;
            ends.erase(found);
        }
        workers[worker].insert(workers[worker].end(), clusters[c].begin(), clusters[c].end());
        ends.insert({d(clusters[c].back()), worker});
    }
    return workers;
}

LinearClusters cluster_linear(const TaskGraph& graph, const Links& links) {
    LinearClusters result;
    result.distance_us = distances_to_end(graph, links);
    result.clusters = linear_clusters(graph, links, result.distance_us);
    result.workers = merge_clusters(result.clusters, result.distance_us);
    return result;
}

std::vector<int> worker_of_tasks(const TaskGraph& graph,
                                 const std::vector<std::vector<int>>& workers) {
    std::vector<int> worker(graph.tasks.size(), -1);
    for (size_t w = 0; w < workers.size(); ++w)
        for (int t : workers[w]) worker[static_cast<size_t>(t)] = static_cast<int>(w);
    return worker;
}

int messages(const TaskGraph& graph, const std::vector<std::vector<int>>& workers) {
    std::vector<int> worker = worker_of_tasks(graph, workers);
    std::vector<std::pair<int, int>> sent;
    for (const Edge& e : graph.edges) {
        int to = worker[static_cast<size_t>(e.to.v)];
        if (worker[static_cast<size_t>(e.from.v)] != to) sent.emplace_back(e.from.v, to);
    }
    std::sort(sent.begin(), sent.end());
    return static_cast<int>(std::unique(sent.begin(), sent.end()) - sent.begin());
}

std::vector<std::vector<int>> fold_workers(const TaskGraph& graph,
                                           const std::vector<std::vector<int>>& workers,
                                           int cores) {
    if (static_cast<int>(workers.size()) <= cores) return workers;
    std::vector<double> load(workers.size(), 0);
    for (size_t w = 0; w < workers.size(); ++w)
        for (int t : workers[w]) load[w] += serial_us(graph.tasks[static_cast<size_t>(t)]);
    std::vector<size_t> order(workers.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return load[a] > load[b]; });
    std::vector<std::vector<int>> folded(static_cast<size_t>(cores));
    std::vector<double> sum(folded.size(), 0);
    for (size_t w : order) {
        auto least = static_cast<size_t>(std::min_element(sum.begin(), sum.end()) - sum.begin());
        sum[least] += load[w];
        folded[least].insert(folded[least].end(), workers[w].begin(), workers[w].end());
    }
    return folded;
}

Schedule schedule_workers(const TaskGraph& graph, const Links& links,
                          const std::vector<std::vector<int>>& workers,
                          const std::vector<double>& distance_us) {
    std::vector<int> worker = worker_of_tasks(graph, workers);
    std::vector<Choice> sequence;
    // d falls along every edge, or stays where nothing takes time: then the place decides.
    for (int t : by_distance(links, distance_us)) {
        SMEATON_CHECK(worker[static_cast<size_t>(t)] >= 0, "task {} has no worker", t);
        sequence.push_back({t, {worker[static_cast<size_t>(t)]}});
    }
    Cores cores = cores_of_one_kind(static_cast<int>(workers.size()));
    return replay(graph, links, cores, sequence);
}

}  // namespace smeaton::schedule
