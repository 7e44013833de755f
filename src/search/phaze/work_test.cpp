#include "search/phaze/work.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <random>

#include "base/error.h"
#include "schedule/check.h"
#include "schedule/exact/exact.h"
#include "schedule/ilp/ilp.h"
#include "schedule/list/list.h"
#include "schedule/random/random_graph.h"
#include "search/phaze/evaluate.h"
#include "search/phaze/outer.h"
#include "solver/linear.h"

namespace smeaton::search::phaze {
namespace {

Operator tensor(const std::string& name, int64_t n, int64_t c, int64_t k,
                std::vector<int> reads = {}) {
    return {name, Engine::kTensor, Role::kTensor, {{n, c, k, 1, 1, 1, 1}}, 0, 0,
            0,    std::move(reads)};
}
Operator vector(const std::string& name, const std::string& op, double elements,
                std::vector<int> reads) {
    const VectorRow& row = *vector_row(op);
    return {name, row.engine, row.role, {}, elements, row.forward, row.backward, std::move(reads)};
}

TEST(Work, ATensorOperatorTakesOneVectorOperatorBehindIt) {
    const std::vector<Operator> all = fused(
        {tensor("a", 8, 8, 8), vector("r", "Relu", 64, {0}), vector("s", "Sigmoid", 64, {1})});
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].engine, Engine::kFused);
    EXPECT_EQ(all[0].forward_cycles, 1);
    EXPECT_EQ(all[1].reads, std::vector<int>{0});
    // Two readers: nothing is joined.
    EXPECT_EQ(
        fused({tensor("a", 8, 8, 8), vector("r", "Relu", 64, {0}), vector("t", "Tanh", 64, {0})})
            .size(),
        3U);
    // Elementwise with elementwise and the reduction behind; views vanish into contractions.
    EXPECT_EQ(fused({vector("a", "Add", 64, {}), vector("m", "Mul", 64, {0}),
                     vector("s", "Softmax", 64, {1})})
                  .size(),
              1U);
    const std::vector<Operator> views = fused(
        {tensor("a", 8, 8, 8), vector("v", "Reshape", 64, {0}), vector("r", "Relu", 64, {1})});
    ASSERT_EQ(views.size(), 1U);
    EXPECT_EQ(views[0].engine, Engine::kFused);
}

// The published backward half has the gradient of the input alone.
TEST(Work, phaze_defect_3_TheGradientOfTheWeightIsWorkToo) {
    const std::vector<Operator> all = {tensor("a", 64, 32, 16), tensor("b", 64, 16, 8, {0})};
    auto multiply_adds = [&](const Rules& rules) {
        double sum = 0;
        for (const Task& t : tasks_of(all, Direction::kBackward, rules))
            sum += t.tensor.multiply_adds();
        return sum;
    };
    const double forward = 64 * 32 * 16 + 64 * 16 * 8;
    Rules published;
    published.restore(3);
    EXPECT_EQ(multiply_adds(published), forward);
    EXPECT_EQ(multiply_adds({}), 2 * forward);
}

Model two_layers() {
    Work work;
    work.model = "two", work.microbatch = 1, work.batch = 64;
    LayerKind kind;
    kind.name = "layer";
    kind.operators = fused({tensor("a", 256, 128, 128), vector("r", "Relu", 256 * 128, {0}),
                            tensor("b", 256, 128, 128, {1})});
    kind.parameters = 2 * 128 * 128, kind.parameter_bytes = 2 * kind.parameters;
    kind.held_bytes = 16 * kind.parameters, kind.activation_bytes = 4e5;
    work.kinds = {kind};
    work.layers = {0, 0, 0, 0};
    work.boundary_bytes = {65536, 65536, 65536};
    return {"two", {work}};
}

place::ChainProblem problem_with(int defect) {
    Setting setting;
    setting.devices = 4, setting.adam = true;
    if (defect > 0) setting.rules.restore(defect);
    static const Model model = two_layers();
    return chain_problem(model.works[0], {{1, 2}}, setting, 32, false);
}

// Milliseconds of compute beside seconds of transfer.
TEST(Work, phaze_defect_1_TransfersAndComputeHaveOneUnit) {
    EXPECT_EQ(problem_with(0).bandwidth, 4.0 * 1024 * 1024 * 1024 / 1e3);  // bytes a ms
    EXPECT_EQ(problem_with(1).bandwidth, 4.0 * 1024 * 1024 * 1024);
    EXPECT_GT(solve(problem_with(0)).best->time, solve(problem_with(1)).best->time);
}

// Three times two bytes a parameter against 16 of mixed precision.
TEST(Work, phaze_defect_13_TheOptimizerHoldsWhatMixedPrecisionHolds) {
    const place::ChainProblem ours = problem_with(0), published = problem_with(13);
    const double parameters = 2 * 128 * 128;
    const double activations = 4e5;
    EXPECT_EQ(stage_of(ours, ours.widths[0], 0, 1, 1).memory_bytes, 16 * parameters + activations);
    EXPECT_EQ(stage_of(published, published.widths[0], 0, 1, 1).memory_bytes,
              6 * parameters + activations);
}

// Eight tensor cores cannot all work in pairs with two vector cores.
TEST(Work, phaze_defect_12_AFusedOperatorIsPricedOnThePairsThatItHolds) {
    const std::vector<Model> models = {two_layers()};
    const Chip chip{8, 2, 16, 16, 2};
    Setting published;
    published.rules.restore(12);
    Evaluation ours(models, {}), theirs(models, published);
    const LayerTime right = ours.layer(0, 0, 0, Direction::kForward, chip);
    const LayerTime wrong = theirs.layer(0, 0, 0, Direction::kForward, chip);
    EXPECT_TRUE(right.proven());
    EXPECT_GT(right.time, wrong.time);
}

// A plan given beside that does not fit ends the published program before it tells its own.
TEST(Work, phaze_defect_5_AnExpertPlanThatDoesNotFitLeavesTheBest) {
    const std::vector<Model> models = {two_layers()};
    Setting setting;
    setting.devices = 4;
    setting.expert = place::FixedPlan{1, 1, 8, 4};  // eight pipelines on four devices
    Setting published = setting;
    published.rules.restore(5);
    const Chip chip{2, 2, 16, 16, 2};
    const double any = std::numeric_limits<double>::infinity();
    const Placed ours = Evaluation(models, setting).place(0, chip, any);
    EXPECT_TRUE(ours.fits);
    EXPECT_FALSE(ours.expert_ms);
    EXPECT_FALSE(ours.expert_refused.empty());
    EXPECT_FALSE(Evaluation(models, published).place(0, chip, any).fits);
}

// What does not fit is told; the published program drops it in silence.
TEST(Work, phaze_defect_14_WhatDoesNotFitIsTold) {
    const std::vector<Model> models = {two_layers()};
    Setting setting;
    setting.devices = 4;
    setting.memory_gb = {1.2e-3};  // a layer by itself, recomputing: more than one waits else
    Setting published = setting;
    published.rules.restore(14);
    const Chip chip{2, 2, 16, 16, 2};
    const double any = std::numeric_limits<double>::infinity();
    const Placed ours = Evaluation(models, setting).place(0, chip, any);
    ASSERT_EQ(ours.notes.size(), 1U);
    EXPECT_NE(ours.notes[0].find("microbatches of 1: t = 1: no cut"), std::string::npos)
        << ours.notes[0];
    const Placed theirs = Evaluation(models, published).place(0, chip, any);
    EXPECT_TRUE(theirs.notes.empty());
    EXPECT_EQ(theirs.time_ms, ours.time_ms);
}

TEST(Work, BoundsAreNeverAboveWhatAChipDoes) {
    const std::vector<Model> models = {two_layers()};
    Setting setting;
    setting.devices = 8;
    Evaluation e(models, setting);
    std::mt19937 random(3);
    const std::vector<Chip> all = space();
    for (int i = 0; i < 60; ++i) {
        const Chip& chip = all[random() % all.size()];
        const Placed placed = e.place(0, chip, std::numeric_limits<double>::infinity());
        ASSERT_TRUE(placed.fits) << placed.why;
        EXPECT_LE(e.bound_ms(0, chip, false), placed.time_ms * (1 + 1e-9)) << name_of(chip);
        EXPECT_LE(e.bound_ms(0, chip, true), placed.time_ms * (1 + 1e-9)) << name_of(chip);
        EXPECT_LE(placed.lower_bound_ms, placed.time_ms);
        const Placed listed =
            e.place(0, chip, std::numeric_limits<double>::infinity(), Effort::kList);
        EXPECT_GE(listed.time_ms, placed.time_ms * (1 - 1e-9)) << name_of(chip);
        EXPECT_LE(listed.lower_bound_ms, placed.time_ms * (1 + 1e-9)) << name_of(chip);
    }
}

TEST(Work, TheIntegerProgramEqualsTheExactSearchOnLayersOfTwoTypesOfCore) {
    if (!solver::highs_missing().empty()) GTEST_SKIP() << solver::highs_missing();
    std::mt19937 random(11);
    auto between = [&](int low, int high) {
        return low + static_cast<int>(random() % static_cast<unsigned>(high - low + 1));
    };
    const bool whole = std::getenv("SMEATON_LONG") != nullptr;
    const int count = whole ? 300 : 40;
    const double limit_s = whole ? 600 : 120;  // the clock's, on a machine that may have other work
    for (int i = 0; i < count; ++i) {
        const int tasks = between(2, whole ? 10 : 7);
        std::vector<Task> all;
        std::vector<Latency> latencies;
        const Chip chip{between(1, 3), between(1, 3), 16, 16, 2};
        for (int t = 0; t < tasks; ++t) {
            Task task{"t", static_cast<Engine>(between(0, 2)), {}, 0, 0, {}};
            for (int b = 0; b < t; ++b)
                if (between(0, 9) < 3) task.after.push_back(b);
            all.push_back(task);
            const double one = between(2, 20);
            latencies.push_back({one, std::max(1.0, std::floor(one * between(4, 10) / 10))});
        }
        const schedule::TaskGraph graph = task_graph(all, latencies, chip);
        const schedule::Links links(graph);
        const schedule::Schedule start = search_list(graph, links, *graph.cores, {200, {}});
        const auto exact = search_exact(graph, links, *graph.cores, start, {});
        const auto ilp = solve_ilp(graph, links, *graph.cores, start, {limit_s, false});
        ASSERT_TRUE(exact.proven) << i;
        ASSERT_TRUE(ilp.proven) << i << ": not done in " << limit_s << " s";
        EXPECT_NEAR(makespan_us(ilp.schedule), makespan_us(exact.schedule),
                    1e-6 * makespan_us(exact.schedule))
            << i;
        EXPECT_TRUE(check(graph, *graph.cores, ilp.schedule).faults.empty()) << i;
        const LayerTime found = layer_time(graph, Effort::kExact);
        EXPECT_TRUE(found.proven());
        EXPECT_NEAR(found.time, makespan_us(exact.schedule), 1e-6 * found.time) << i;
    }
}

TEST(Outer, TheWalkStopsWhenFiveBucketsDoNotRise) {
    EXPECT_FALSE(stops({1, 1, 1, 1}));
    EXPECT_TRUE(stops({1, 1, 1, 1, 1}));
    EXPECT_TRUE(stops({1, 9, 8, 8, 7, 1}));
    EXPECT_FALSE(stops({9, 8, 7, 6, 7}));
    EXPECT_TRUE(stops({-1, -1, -1, -1, -1}));  // nothing found counts as converged
}

/// The whole space on four devices.
OuterResult searched(const std::vector<Model>& models, OuterOptions options) {
    Setting setting;
    setting.devices = 4;
    options.threads = 2;
    return search_space(models, setting, options);
}

const OuterResult& uninterrupted() {
    static const OuterResult result = searched({two_layers()}, {});
    return result;
}

TEST(Outer, TheBoundedSearchEqualsEveryPoint) {
    std::vector<Model> models = {two_layers()};
    Setting setting;
    setting.devices = 4;
    const OuterResult& best = uninterrupted();
    ASSERT_TRUE(best.best);
    EXPECT_TRUE(best.proven);
    EXPECT_EQ(best.gap, 0);
    EXPECT_EQ(best.evaluated + best.pruned, best.space);
    ASSERT_TRUE(best.stop_rule && best.stop_rule->best);
    EXPECT_LE(best.stop_rule->best->throughput, best.best->throughput);
    // Points at random are no better.
    Evaluation e(models, setting);
    std::mt19937 random(8);
    const std::vector<Chip> all = space();
    for (int i = 0; i < 200; ++i) {
        const Placed placed =
            e.place(0, all[random() % all.size()], std::numeric_limits<double>::infinity());
        EXPECT_LE(placed.throughput(models[0]), best.best->throughput * (1 + 1e-9));
    }
}

TEST(Outer, ASearchThatGoesOnFromItsLogEndsAsOneThatWasNotInterrupted) {
    const std::string log = testing::TempDir() + "phaze_log_" + std::to_string(getpid()) + ".db";
    struct Interrupted {};
    OuterOptions options;
    options.log_file = log, options.identity = "two layers";
    options.progress = [](const Progress&) { throw Interrupted{}; };
    EXPECT_THROW(searched({two_layers()}, options), Interrupted);

    options.progress = {};
    const OuterResult resumed = searched({two_layers()}, options);
    const OuterResult& whole = uninterrupted();
    ASSERT_TRUE(resumed.best && whole.best);
    EXPECT_GT(resumed.from_log, 0U);
    EXPECT_EQ(resumed.evaluated + resumed.from_log + resumed.pruned, resumed.space);
    EXPECT_EQ(resumed.best->chip, whole.best->chip);
    EXPECT_EQ(resumed.best->throughput, whole.best->throughput);
    EXPECT_EQ(resumed.best->placed.at(0).plan.time, whole.best->placed.at(0).plan.time);
    EXPECT_EQ(resumed.upper_bound, whole.upper_bound);
    EXPECT_TRUE(resumed.proven);
    EXPECT_EQ(resumed.stop_rule->evaluated, whole.stop_rule->evaluated);
    EXPECT_EQ(resumed.stop_rule->best->throughput, whole.stop_rule->best->throughput);

    options.identity = "three layers";
    EXPECT_THROW(searched({two_layers()}, options), UserError);
    std::remove(log.c_str());
}

}  // namespace
}  // namespace smeaton::search::phaze
