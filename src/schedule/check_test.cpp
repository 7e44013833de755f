#include "schedule/check.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace smeaton::schedule {
namespace {

// a (4) -> b (2), message 3; c (5) beside; two cores.
TaskGraph small() {
    TaskGraph graph;
    graph.tasks = {{"a", {4}, {0}, 100}, {"b", {2}, {0}, 10}, {"c", {5, 3}, {0}, 50}};
    graph.edges = {{{0}, {1}, 3, 0}};
    return graph;
}

Schedule good() {
    return {{{{0}, {0}, 0, 4}, {{1}, {0}, 4, 6}, {{2}, {1}, 0, 5}}};
}

std::string fault(const TaskGraph& graph, const Schedule& s) {
    CheckResult result = check(graph, cores_of_one_kind(2), s);
    return result.faults.empty() ? "" : result.faults[0];
}

TEST(Check, PassesWhatHolds) {
    EXPECT_EQ(fault(small(), good()), "");
    EXPECT_EQ(check(small(), cores_of_one_kind(2), good()).peak_output_bytes, 160);
}

TEST(Check, AMessageIsDueOnlyBetweenCores) {
    Schedule s = good();
    s.tasks[1] = {{1}, {1}, 5, 7};
    EXPECT_EQ(fault(small(), s), "b starts at 5, but what it needs of a is there at 7");
    s.tasks[1] = {{1}, {1}, 7, 9};
    EXPECT_EQ(fault(small(), s), "");
}

TEST(Check, NoCoreRunsTwoTasks) {
    Schedule s = good();
    s.tasks[2] = {{2}, {0}, 3, 8};
    EXPECT_EQ(fault(small(), s), "core 0 runs a and c at once");
}

TEST(Check, ATaskTakesItsTime) {
    Schedule s = good();
    s.tasks[2] = {{2}, {1}, 0, 4};
    EXPECT_EQ(fault(small(), s), "c runs from 0 to 4, but takes 5");
    s.tasks[2] = {{2}, {0, 1}, 6, 9};
    EXPECT_EQ(fault(small(), s), "");
    s.tasks[0] = {{0}, {0, 1}, 0, 4};
    EXPECT_EQ(fault(small(), s), "a runs on 2 cores");
}

TEST(Check, CoresMustExistAndBeOfTheKindsHeld) {
    Schedule s = good();
    s.tasks[2] = {{2}, {2}, 0, 5};
    EXPECT_EQ(fault(small(), s), "c runs on core 2, which there is not");
    TaskGraph graph = small();
    graph.kinds = {"tc", "vc"};
    graph.tasks[2].holds = {0, 1};
    Cores cores{{{"tc", 2}, {"vc", 2}}};
    s.tasks[2] = {{2}, {1, 2}, 6, 11};
    EXPECT_EQ(check(graph, cores, s).faults.at(0), "c takes other numbers of each kind");
    s.tasks[2] = {{2}, {1, 3}, 6, 11};
    EXPECT_TRUE(check(graph, cores, s).faults.empty());
    s.tasks[2] = {{2}, {1}, 6, 11};
    EXPECT_EQ(check(graph, cores, s).faults.at(0), "c runs on other kinds than it holds");
}

TEST(Check, TasksOfNoTimeMayWaitForEachOtherForEver) {
    // a before b by an edge, c before d by an edge; core 0 runs d, a, core 1 runs b, c; all at 0.
    TaskGraph graph;
    graph.tasks = {{"a", {0}, {0}, 0}, {"b", {0}, {0}, 0}, {"c", {0}, {0}, 0}, {"d", {0}, {0}, 0}};
    graph.edges = {{{0}, {1}, 0, 0}, {{2}, {3}, 0, 0}};
    // The checker puts what is first in the graph first, so this comes to an end.
    Schedule s{{{{0}, {0}, 0, 0}, {{1}, {1}, 0, 0}, {{2}, {1}, 0, 0}, {{3}, {0}, 0, 0}}};
    EXPECT_EQ(fault(graph, s), "");
    s.tasks[1] = {{1}, {1}, -1, -1};
    EXPECT_NE(fault(graph, s), "");
}

TEST(Check, OutputsMustFitTheMemory) {
    TaskGraph graph = small();
    graph.memory_bytes = 159;
    EXPECT_EQ(fault(graph, good()),
              "160 bytes of outputs are alive at once, of 159 that there are");
}

TEST(TaskGraph, TimesCanBeAddedUp) {
    TaskGraph graph = small();
    for (Task& task : graph.tasks) task.durations_us = {1e308};
    EXPECT_THROW(verify(graph, "g.json"), UserError);
}

TEST(TaskGraph, NamesTheTasksOfACycle) {
    TaskGraph graph = small();
    graph.edges.push_back({{1}, {2}, 0, 0});
    graph.edges.push_back({{2}, {0}, 0, 0});
    try {
        verify(graph, "g.json");
        FAIL();
    } catch (const std::exception& error) {
        EXPECT_STREQ(error.what(),
                     "g.json: the tasks wait for each other in a cycle: a -> b -> c -> a");
    }
}

}  // namespace
}  // namespace smeaton::schedule
