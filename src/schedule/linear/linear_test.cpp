#include "schedule/linear/linear.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "schedule/check.h"
#include "schedule/linear/hyper.h"
#include "schedule/random/random_graph.h"

namespace smeaton::schedule {
namespace {

using Lists = std::vector<std::vector<int>>;

// 0 -> 1 -> 3 -> 4, 0 -> 2 -> 3: a diamond with a tail; all cost 1, messages 1.
TaskGraph diamond() {
    TaskGraph graph;
    for (const char* name : {"a", "b", "c", "d", "e"}) graph.tasks.push_back({name, {1}, {0}, 0});
    for (auto [from, to] : std::vector<std::pair<int, int>>{{0, 1}, {0, 2}, {1, 3}, {2, 3}, {3, 4}})
        graph.edges.push_back({{from}, {to}, 1, 0});
    return graph;
}

TEST(Linear, DistanceCountsTasksAndMessages) {
    TaskGraph graph = diamond();
    EXPECT_EQ(distances_to_end(graph, Links(graph)), (std::vector<double>{7, 5, 5, 3, 1}));
}

TEST(Linear, TheFirstClusterFollowsTheLongestWayTiesToTheLowerNumber) {
    TaskGraph graph = diamond();
    LinearClusters linear = cluster_linear(graph, Links(graph));
    EXPECT_EQ(linear.clusters, (Lists{{0, 1, 3, 4}, {2}}));
    EXPECT_EQ(linear.workers, (Lists{{0, 1, 3, 4}, {2}}));
    EXPECT_EQ(messages(graph, linear.workers), 2);
}

TEST(Linear, ClustersThatNeverOverlapShareAWorker) {
    // Spans by d: [9, 5], [8, 6], [4, 1], [5, 2]: the third fits behind the first, the last d of
    // which is above 4; the fourth does not (5 is not above 5) and goes behind the second.
    std::vector<double> d = {9, 5, 8, 6, 4, 1, 5, 2};
    EXPECT_EQ(merge_clusters({{0, 1}, {2, 3}, {4, 5}, {6, 7}}, d),
              (Lists{{0, 1, 4, 5}, {2, 3, 6, 7}}));
}

TEST(Linear, EveryOrderOfWorkersHoldsAndFoldsOntoFewerCores) {
    for (uint64_t seed = 0; seed < 50; ++seed) {
        TaskGraph graph = random_graph({40, 1, 20, 0.1, seed % 2 ? 8 : 0, 1, 1}, seed);
        Links links(graph);
        LinearClusters linear = cluster_linear(graph, links);
        for (int cores : {1, 2, 3, 100}) {
            Lists workers = fold_workers(graph, linear.workers, cores);
            ASSERT_EQ(workers.size(), std::min(linear.workers.size(), static_cast<size_t>(cores)));
            Schedule s = schedule_workers(graph, links, workers, linear.distance_us);
            auto result = check(graph, cores_of_one_kind(static_cast<int>(workers.size())), s);
            ASSERT_TRUE(result.faults.empty()) << result.faults[0];
        }
    }
}

TEST(Linear, ATaskCheaperThanItsMessageIsCloned) {
    // "cheap" feeds two long chains; its message is dearer than it is.
    TaskGraph graph;
    graph.tasks = {{"cheap", {1}, {0}, 0},
                   {"left", {50}, {0}, 0},
                   {"right", {49}, {0}, 0},
                   {"end", {1}, {0}, 0}};
    graph.edges = {{{0}, {1}, 20, 0}, {{0}, {2}, 20, 0}, {{1}, {3}, 1, 0}, {{2}, {3}, 1, 0}};
    LinearClusters linear = cluster_linear(graph, Links(graph));
    auto cloned = clone_tasks(graph, linear);
    ASSERT_TRUE(cloned.has_value());
    EXPECT_EQ(cloned->clones, 1);
    EXPECT_EQ(cloned->graph.tasks.back().name, "cheap#2");
    Schedule s = schedule_workers(cloned->graph, Links(cloned->graph), cloned->linear.workers,
                                  cloned->linear.distance_us);
    EXPECT_EQ(makespan_us(s), 52);
    // Nothing to gain where messages are cheap.
    for (Edge& e : graph.edges) e.cost_us = 0.5;
    EXPECT_FALSE(clone_tasks(graph, cluster_linear(graph, Links(graph))).has_value());
}

TEST(Linear, SwitchedHyperclustersEvenOutTheLoad) {
    TaskGraph graph = diamond();
    graph.tasks[1].durations_us = {10};
    LinearClusters linear = cluster_linear(graph, Links(graph));
    for (Hyper form : {Hyper::Plain, Hyper::Switched}) {
        HyperClusters hyper = hyper_clusters(graph, linear, 4, form);
        std::vector<double> load(2, 0);
        for (size_t w = 0; w < 2; ++w)
            for (int t : hyper.workers[w])
                load[w] += serial_us(hyper.graph.tasks[static_cast<size_t>(t)]);
        EXPECT_EQ(load, form == Hyper::Plain ? (std::vector<double>{52, 4})
                                             : (std::vector<double>{28, 28}));
        Schedule s =
            schedule_workers(hyper.graph, Links(hyper.graph), hyper.workers, hyper.distance_us);
        EXPECT_TRUE(check(hyper.graph, cores_of_one_kind(2), s).faults.empty());
        EXPECT_LE(makespan_us(s), form == Hyper::Plain ? 53 : 32);
    }
}

}  // namespace
}  // namespace smeaton::schedule
