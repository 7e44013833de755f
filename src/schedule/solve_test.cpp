#include "schedule/solve.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/error.h"
#include "schedule/bounds.h"
#include "schedule/check.h"
#include "schedule/list/list.h"
#include "schedule/random/random_graph.h"

namespace smeaton::schedule {
namespace {

TaskGraph chain_and_loose() {
    // A chain of 3 x 4, and four loose tasks of 3: work 24.
    TaskGraph graph;
    for (int i = 0; i < 7; ++i) {
        std::string name = "t" + std::to_string(i);
        graph.tasks.push_back({name, {i < 3 ? 4.0 : 3.0}, {0}, 0});
    }
    graph.edges = {{{0}, {1}, 0, 0}, {{1}, {2}, 0, 0}};
    return graph;
}

TEST(Bounds, TheLargestOfPathAndWork) {
    TaskGraph graph = chain_and_loose();
    Links links(graph);
    Bounds one = lower_bounds(graph, links, cores_of_one_kind(1), 100);
    EXPECT_EQ(one.critical_path_us, 12);
    EXPECT_EQ(one.work_us, 24);
    EXPECT_EQ(one.best_us(), 24);
    EXPECT_EQ(lower_bounds(graph, links, cores_of_one_kind(8), 100).best_us(), 12);
}

TEST(Bounds, TheEnergeticOneSeesThatAllMustWaitForTheFirst) {
    // 5, then four tasks of 4 on two cores, then 5: path 14, work 13, but 5 + 8 + 5.
    TaskGraph graph;
    for (int i = 0; i < 6; ++i) {
        std::string name = "t" + std::to_string(i);
        graph.tasks.push_back({name, {i == 0 || i == 5 ? 5.0 : 4.0}, {0}, 0});
    }
    for (int i = 1; i < 5; ++i) {
        graph.edges.push_back({{0}, {i}, 0, 0});
        graph.edges.push_back({{i}, {5}, 0, 0});
    }
    Bounds b = lower_bounds(graph, Links(graph), cores_of_one_kind(2), 100);
    EXPECT_EQ(b.critical_path_us, 14);
    EXPECT_EQ(b.work_us, 13);
    EXPECT_NEAR(b.energetic_us, 18, 1e-4);
}

TEST(Bounds, AreRoundedUpOnlyToAUnitThatHoldsAllTimes) {
    TaskGraph graph;
    double sum = 0;
    for (int i = 0; i < 3000; ++i) {
        graph.tasks.push_back({"t" + std::to_string(i), {1000.0000005}, {0}, 0});
        sum += graph.tasks.back().durations_us[0];
    }
    EXPECT_LE(lower_bounds(graph, Links(graph), cores_of_one_kind(1), sum).best_us(),
              sum * (1 + 1e-9));
}

TEST(Solve, ATaskIsSplitWhereThatEndsSooner) {
    // One heavy task that halves, beside three light ones that do not: split first, then side by
    // side.
    TaskGraph graph;
    graph.tasks = {{"heavy", {10, 5}, {0}, 0}, {"l", {3}, {0}, 0}, {"m", {3}, {0}, 0}};
    graph.edges = {{{0}, {1}, 0, 0}, {{0}, {2}, 0, 0}};
    for (Algorithm a : {Algorithm::List, Algorithm::Exact, Algorithm::Auto}) {
        Solution s = solve(graph, cores_of_one_kind(2), {a, {}, false, 1, Hyper::Plain}, "g");
        EXPECT_EQ(s.makespan_us, 8) << name(a);
        EXPECT_TRUE(s.optimal);
        EXPECT_EQ(s.schedule.tasks[0].cores, (std::vector<int>{0, 1}));
        EXPECT_EQ(s.serial_us, 16);
    }
}

TEST(Solve, KindsOfCoreAreHeldApartAndInPairs) {
    // Two tensor tasks, two vector tasks, and one that holds a pair; 2 tc, 1 vc.
    TaskGraph graph;
    graph.kinds = {"tc", "vc"};
    graph.tasks = {{"t0", {4}, {0}, 0},
                   {"t1", {4}, {0}, 0},
                   {"v0", {3}, {1}, 0},
                   {"v1", {3}, {1}, 0},
                   {"pair", {5}, {0, 1}, 0}};
    Cores cores{{{"tc", 2}, {"vc", 1}}};
    Solution s = solve(graph, cores, {Algorithm::Exact, {}, false, 1, Hyper::Plain}, "g");
    // The vector core has 3 + 3 + 5 to do.
    EXPECT_EQ(s.makespan_us, 11);
    EXPECT_TRUE(s.optimal);
    EXPECT_EQ(s.schedule.tasks[4].cores, (std::vector<int>{0, 2}));
}

TEST(Solve, LinearFoldsOntoFewerCores) {
    TaskGraph graph = layered_graph(200, 20, 3);
    Solution wide = solve(graph, {}, {Algorithm::Linear, {}, false, 1, Hyper::Plain}, "g");
    Solution two =
        solve(graph, cores_of_one_kind(2), {Algorithm::Linear, {}, false, 1, Hyper::Plain}, "g");
    EXPECT_GT(wide.cores.total(), 2);
    EXPECT_EQ(wide.linear->merged, wide.cores.total());
    EXPECT_EQ(two.linear->merged, wide.linear->merged);
    EXPECT_EQ(two.cores.total(), 2);
    EXPECT_GE(two.makespan_us, two.lower_bound_us);
}

TEST(Solve, TheSameGraphGivesTheSameSchedule) {
    TaskGraph graph = random_graph({60, 1, 20, 0.1, 5, 3, 1}, 9);
    Links links(graph);
    Cores cores = cores_of_one_kind(3);
    Schedule a = search_list(graph, links, cores, {50'000, {}});
    Schedule b = search_list(graph, links, cores, {50'000, {}});
    for (size_t t = 0; t < graph.tasks.size(); ++t) {
        EXPECT_EQ(a.tasks[t].start_us, b.tasks[t].start_us);
        EXPECT_EQ(a.tasks[t].cores, b.tasks[t].cores);
    }
}

TEST(Solve, KnownOptimaAreComeNearTo) {
    double sum = 0;
    int count = 0;
    for (int tasks : {50, 100})
        for (int cores : {2, 4, 8}) {
            KnownGraphOptions options{tasks, cores, 0.1, 400.0 + 4 * tasks, 0};
            options.highest_message_us = options.optimum_us * cores / tasks;
            TaskGraph graph = known_graph(options, static_cast<uint64_t>(tasks + cores));
            Links links(graph);
            Cores machine = cores_of_one_kind(cores);
            Schedule s = search_list(graph, links, machine, {100'000, {}});
            ASSERT_TRUE(check(graph, machine, s).faults.empty());
            ASSERT_GE(makespan_us(s), options.optimum_us);
            sum += makespan_us(s) / options.optimum_us - 1;
            ++count;
        }
    EXPECT_LE(sum / count, 0.03);
}

TEST(Solve, WhatAnAlgorithmLacksIsRefused) {
    TaskGraph graph = chain_and_loose();
    auto message = [&](SolveOptions options) {
        try {
            solve(graph, cores_of_one_kind(2), options, "g.json");
        } catch (const UserError& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    EXPECT_EQ(message({Algorithm::List, {}, true, 1, Hyper::Plain}),
              "g.json: clones are made by the algorithm linear, not by list");
    EXPECT_EQ(
        message({Algorithm::List, {}, false, 1'000'000, Hyper::Plain}),
        "g.json: 1000000 samples of 7 tasks and 2 edges are too many: 5000000 of these at most");
    graph.memory_bytes = 5;
    graph.tasks[0].output_bytes = 6;
    EXPECT_EQ(
        message({Algorithm::List, {}, false, 1, Hyper::Plain}),
        "g.json: outputs take 6 bytes at once, of 5 that there are; fewer cores or samples need "
        "less");
    graph.tasks[1].durations_us = {std::numeric_limits<double>::infinity(), 1};
    EXPECT_EQ(message({Algorithm::Linear, {}, false, 1, Hyper::Plain}),
              "g.json: task 't1' does not run on one core, and linear clustering splits none; use "
              "list or exact");
}

}  // namespace
}  // namespace smeaton::schedule
