// What solvers find against the exact search.
#include <gtest/gtest.h>

#include "schedule/check.h"
#include "schedule/constraint/constraint.h"
#include "schedule/exact/exact.h"
#include "schedule/ilp/ilp.h"
#include "schedule/list/list.h"
#include "schedule/random/random_graph.h"
#include "schedule/test_cases.h"
#include "solver/constraint.h"
#include "solver/linear.h"

namespace smeaton::schedule {
namespace {

struct Case {
    TaskGraph graph;
    Cores cores;
};
Case random_case(int i, int most_tasks) {
    RandomNumbers random = case_numbers(i);
    RandomGraphOptions options = case_options(i, most_tasks, random);
    Cores cores = cores_of_one_kind(random.between(1, 4));
    if (i % 7 == 6) {
        options.kinds = 2;
        cores = {{{"a", random.between(1, 3)}, {"b", random.between(1, 2)}}};
    }
    TaskGraph graph = random_graph(options, static_cast<uint64_t>(i));
    if (i % 14 == 13)  // pairs
        for (Task& task : graph.tasks)
            if (random.share() < 0.3) task.holds = {0, 1};
    return {graph, cores};
}

void expect_equal(const Case& c, const Schedule& found, double bound, double best, int i) {
    auto checked = check(c.graph, c.cores, found);
    ASSERT_TRUE(checked.faults.empty()) << i << ": " << checked.faults[0];
    EXPECT_NEAR(makespan_us(found), best, 1e-6 * best) << i;
    EXPECT_NEAR(bound, best, 1e-6 * best) << i;
}

// From a schedule that is no good, so that there is something to find.
Schedule poor(const Case& c, const Links& links) {
    std::vector<double> urgency;
    std::vector<int> counts;
    for (size_t t = 0; t < c.graph.tasks.size(); ++t) {
        urgency.push_back(static_cast<double>(t));
        counts.push_back(1);
    }
    return list_schedule(c.graph, links, c.cores, urgency, counts);
}

TEST(Solvers, TheConstraintSolverEqualsTheExactSearch) {
    if (!solver::cp_sat_missing().empty()) GTEST_SKIP() << solver::cp_sat_missing();
    const int count = long_run() ? 1000 : 60;
    for (int i = 0; i < count; ++i) {
        Case c = random_case(i, long_run() ? 12 : 8);
        Links links(c.graph);
        Schedule start = poor(c, links);
        ExactResult exact = search_exact(c.graph, links, c.cores, start, {});
        ASSERT_TRUE(exact.proven);
        ConstraintResult cp = solve_constraints(c.graph, links, c.cores, start, {});
        ASSERT_TRUE(cp.proven) << i;
        expect_equal(c, cp.schedule, cp.lower_bound_us, makespan_us(exact.schedule), i);
    }
}

TEST(Solvers, TheIntegerProgramEqualsTheExactSearch) {
    if (!solver::highs_missing().empty()) GTEST_SKIP() << solver::highs_missing();
    const int count = long_run() ? 1000 : 30;
    for (int i = 0; i < count; ++i) {
        Case c = random_case(i, long_run() ? 12 : 6);
        Links links(c.graph);
        Schedule start = poor(c, links);
        ExactResult exact = search_exact(c.graph, links, c.cores, start, {});
        ASSERT_TRUE(exact.proven);
        IlpResult ilp = solve_ilp(c.graph, links, c.cores, start, {std::nullopt, i % 3 == 0});
        ASSERT_TRUE(ilp.proven) << i;
        expect_equal(c, ilp.schedule, ilp.lower_bound_us, makespan_us(exact.schedule), i);
    }
}

TEST(Solvers, ADecoderLayerIsProven) {
    TaskGraph graph = decoder_layer();
    ASSERT_EQ(graph.tasks.size(), 34u);
    const Cores& cores = *graph.cores;
    Links links(graph);
    Schedule list = search_list(graph, links, cores, {20'000, {}});
    ExactResult exact = search_exact(graph, links, cores, list, {});
    EXPECT_TRUE(exact.proven);
    if (!solver::highs_missing().empty()) GTEST_SKIP() << solver::highs_missing();
    Case c{graph, cores};
    IlpResult ilp = solve_ilp(graph, links, cores, poor(c, links), {30, true});
    EXPECT_GT(ilp.rows, 36'000);
    EXPECT_TRUE(ilp.proven);
    EXPECT_NEAR(makespan_us(ilp.schedule), makespan_us(exact.schedule),
                1e-6 * makespan_us(exact.schedule));
    RecordProperty("rows", ilp.rows);
}

}  // namespace
}  // namespace smeaton::schedule
