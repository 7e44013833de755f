#include "place/chain.h"

#include <gtest/gtest.h>

#include <cmath>
#include <ctime>
#include <random>

#include "base/error.h"

namespace smeaton::place {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

struct Random {
    std::mt19937_64 engine;
    explicit Random(uint64_t seed) : engine(seed) {}
    int between(int low, int high) {
        return low + static_cast<int>(engine() % static_cast<uint64_t>(high - low + 1));
    }
    bool chance(int percent) { return between(1, 100) <= percent; }
};

/// The first layer has a weight in common with the last, in some with a third.
void share(Random& random, ChainWidth& width) {
    ChainShared shared;
    shared.layers = {0, static_cast<int>(width.layers.size()) - 1};
    if (random.chance(30)) shared.layers.insert(shared.layers.begin() + 1, 1);
    shared.parameter_bytes = random.between(1, 30);
    for (const int layer : shared.layers)
        width.layers[static_cast<size_t>(layer)].parameter_bytes += shared.parameter_bytes;
    shared.held_bytes = 2 * shared.parameter_bytes;
    width.shared = {shared};
}

ChainWidth random_width(Random& random, int layers, int t) {
    ChainWidth width;
    width.t = t;
    for (int i = 0; i < layers; ++i)
        width.layers.push_back({i, "l" + std::to_string(i), double(random.between(0, 40)),
                                double(random.between(0, 30)), random.between(1, 90) / t * 1.0,
                                random.between(1, 120) / t * 1.0, random.chance(60)});
    for (int i = 0; i + 1 < layers; ++i)
        width.edges.push_back({i, i + 1, double(random.between(0, 200))});
    if (layers > 2 && random.chance(40)) share(random, width);
    return width;
}

ChainProblem random_problem(int seed) {
    Random random(static_cast<uint64_t>(seed));
    ChainProblem problem;
    problem.name = "random";
    const int layers = random.between(1, 7);
    problem.devices = random.between(1, 12);
    problem.bandwidth = random.between(1, 10);
    problem.microbatches = random.between(1, 12);
    problem.recompute = random.chance(50);
    problem.adam = random.chance(50);
    problem.gradients_of_all_stages = random.chance(30);
    problem.memory_bytes = random.between(60, 700);
    for (const int t : {1, 2, 3, 4})
        if (t == 1 || random.chance(50)) problem.widths.push_back(random_width(random, layers, t));
    for (ChainWidth& w : problem.widths)
        for (ChainShared& s : w.shared) s.held_bytes += problem.adam ? s.parameter_bytes : 0;
    return problem;
}

/// Every cut, every d, every width, by the definition written down anew.
double brute_force(const ChainProblem& p) {
    double best = kInfinite;
    for (const ChainWidth& w : p.widths) {
        const auto layers = static_cast<int>(w.layers.size());
        for (int cuts = 0; cuts < 1 << (layers - 1); ++cuts) {
            std::vector<int> begins = {0};
            for (int i = 1; i < layers; ++i)
                if (cuts >> (i - 1) & 1) begins.push_back(i);
            const auto stages = static_cast<int>(begins.size());
            begins.push_back(layers);
            double load = 0, first = 0;  // gradients: of the first stage, or the most of any
            int devices = 0;
            bool fits = true;
            for (int k = 0; k < stages; ++k) {
                const int s = stages - k, a = begins[k], e = begins[k + 1];
                double f = 0, b = 0, bytes = 0, act = 0;
                bool split = false;
                for (int i = a; i < e; ++i) {
                    f += w.layers[i].forward_time, b += w.layers[i].backward_time;
                    bytes += w.layers[i].parameter_bytes, act += w.layers[i].activation_bytes;
                    split |= w.layers[i].tensor_parallel;
                }
                for (const ChainShared& one : w.shared) {
                    int here = 0;
                    for (const int layer : one.layers) here += layer >= a && layer < e;
                    bytes -= std::max(0, here - 1) * one.parameter_bytes;
                }
                const double in = a > 0 ? w.edges[a - 1].bytes : 0;
                const double out = e < layers ? w.edges[e - 1].bytes : 0;
                const bool again = p.recompute && s > 1;
                load =
                    std::max(load, again ? in / p.bandwidth + f + std::max(f, out / p.bandwidth) + b
                                         : (in + out) / p.bandwidth + f + b);
                const double stash = p.recompute ? in : act;
                fits &= 2 * bytes + (p.adam ? bytes : 0) + act + (s - 1) * stash <= p.memory_bytes;
                devices += split ? w.t : 1;
                if (k == 0 || p.gradients_of_all_stages) first = std::max(first, bytes);
            }
            if (!fits) continue;
            for (int d = 1; d <= std::min(p.devices, p.microbatches); ++d) {
                if (devices > p.devices / d) continue;
                const double n = std::ceil(double(p.microbatches) / d);
                best = std::min(best,
                                load * (n + stages - 1) + 4.0 * (d - 1) / d * first / p.bandwidth);
            }
        }
    }
    return best;
}

TEST(Chain, TheDynamicProgramEqualsBruteForceOnAThousandChains) {
    int fit = 0;
    for (int i = 0; i < 1000; ++i) {
        const ChainProblem problem = random_problem(i);
        const double want = brute_force(problem);
        const ChainAnswer found = solve(problem);
        ASSERT_EQ(found.best.has_value(), want < kInfinite) << i;
        if (!found.best) {
            EXPECT_EQ(found.notes.size(), problem.widths.size());
            continue;
        }
        ++fit;
        ASSERT_NEAR(found.best->time, want, 1e-9 * want) << i;
        EXPECT_LE(lower_bound(problem), want * (1 + 1e-9)) << i;
        const double tight = ChainSolver(problem).tight_lower_bound();
        EXPECT_LE(tight, want * (1 + 1e-9)) << i;
        // Where gradients count of the stage that has the most, the bound is the optimum.
        if (problem.gradients_of_all_stages) {
            EXPECT_GE(tight, want * (1 - 1e-9)) << i;
        }
        EXPECT_LE(found.best->devices_used(), problem.devices);
        double load = 0;
        int layers = 0;
        for (const ChainStage& s : found.best->stages) {
            EXPECT_LE(s.memory_bytes, problem.memory_bytes);
            EXPECT_EQ(s.first, layers);
            layers += s.count;
            load = std::max(load, s.load);
        }
        EXPECT_EQ(load, found.best->largest_load);
    }
    EXPECT_GT(fit, 300);
    EXPECT_LT(fit, 1000);
}

TEST(Chain, TimesThatChangeGiveWhatAProblemWithThemGives) {
    for (int i = 0; i < 200; ++i) {
        ChainProblem problem = random_problem(i);
        ChainSolver solver(problem);
        Random random(static_cast<uint64_t>(i));
        for (int again = 0; again < 3; ++again) {
            for (size_t w = 0; w < problem.widths.size(); ++w) {
                std::vector<ChainTimes> times;
                for (ChainLayer& layer : problem.widths[w].layers) {
                    layer.forward_time = random.between(1, 90);
                    layer.backward_time = random.between(1, 120);
                    times.push_back({layer.forward_time, layer.backward_time});
                }
                solver.set_times(w, times);
            }
            const ChainAnswer want = solve(problem), found = solver.solve();
            ASSERT_EQ(found.best.has_value(), want.best.has_value()) << i;
            EXPECT_EQ(solver.lower_bound(), lower_bound(problem)) << i;
            EXPECT_EQ(found.notes, want.notes) << i;
            if (!want.best) continue;
            EXPECT_EQ(found.best->time, want.best->time) << i;
            EXPECT_EQ(found.best->t, want.best->t) << i;
            EXPECT_EQ(found.best->stages.size(), want.best->stages.size()) << i;
        }
    }
}

TEST(Chain, ALayerTooLargeForEveryDeviceIsNamed) {
    ChainProblem problem = random_problem(3);
    problem.memory_bytes = 50;
    for (ChainWidth& w : problem.widths) w.layers[0].parameter_bytes = 100;
    const ChainAnswer found = solve(problem);
    EXPECT_FALSE(found.best);
    EXPECT_NE(found.notes.at(0).find("layer 'l0' alone needs"), std::string::npos);
}

std::string refusal(const ChainProblem& problem) {
    try {
        solve(problem);
    } catch (const UserError& error) {
        return error.what();
    }
    return "";
}

TEST(Chain, WhatIsNoChainIsRefused) {
    ChainProblem problem = random_problem(9);
    problem.widths.resize(1);
    Random random(1);
    problem.widths[0] = random_width(random, 4, 1);
    ChainProblem branches = problem;
    branches.widths[0].edges = {{0, 1, 1}, {0, 2, 1}, {1, 3, 1}, {2, 3, 1}};
    EXPECT_NE(refusal(branches).find("no edge orders layers"), std::string::npos);
    ChainProblem cycle = problem;
    cycle.widths[0].edges.push_back({3, 1, 1});
    EXPECT_NE(refusal(cycle).find("cycle: 'l1' -> 'l2' -> 'l3' -> 'l1'"), std::string::npos)
        << refusal(cycle);
    ChainProblem memory = problem;
    memory.memory_bytes = -5;
    EXPECT_NE(refusal(memory).find("-5 bytes"), std::string::npos);
    ChainProblem devices = problem;
    devices.devices = 0;
    EXPECT_NE(refusal(devices).find("0 devices"), std::string::npos);
}

TEST(Chain, ATensorFromFartherBackDelaysOnlyTheLayersFromItsReaderOn) {
    ChainProblem problem;
    problem.name = "skip", problem.bandwidth = 1, problem.memory_bytes = 1e9, problem.devices = 2;
    ChainWidth w;
    w.layers = {
        {0, "a", 0, 0, 10, 0, false}, {1, "b", 0, 0, 20, 0, false}, {2, "c", 0, 0, 5, 0, false}};
    w.edges = {{0, 1, 1}, {1, 2, 1}, {0, 2, 100}};
    problem.widths = {w};
    // b needs 1 + 20; c waits for the 100 from a.
    EXPECT_EQ(stage_of(problem, w, 1, 2, 1).load, 105);
    EXPECT_EQ(stage_of(problem, w, 0, 1, 2).load, 10 + 100);
}

// A published program evaluates the plan that it is given before its own, and ends where that does
// not fit.
TEST(Chain, phaze_defect_5_AFixedPlanThatDoesNotFitLeavesTheBestPlan) {
    ChainProblem problem;
    problem.name = "fixed", problem.bandwidth = 1, problem.memory_bytes = 20, problem.devices = 4;
    problem.microbatches = 4;
    Random random(4);
    ChainWidth w = random_width(random, 4, 1);
    for (ChainLayer& l : w.layers) l.parameter_bytes = 5, l.activation_bytes = 2;
    problem.widths = {w};
    problem.fixed = FixedPlan{1, 1, 4, 4};  // all four layers on each device
    const ChainAnswer found = solve(problem);
    EXPECT_FALSE(found.fixed_time);
    EXPECT_FALSE(found.fixed_refused.empty());
    ASSERT_TRUE(found.best);
    problem.fixed = FixedPlan{4, 1, 1, 4};
    const ChainAnswer with = solve(problem);
    ASSERT_TRUE(with.fixed_time) << with.fixed_refused;
    EXPECT_GE(*with.fixed_time, with.best->time);
}

// The published cost of data parallelism counts the gradients of the first stage alone.
TEST(Chain, phaze_defect_6_TheGradientsOfEveryStageCount) {
    ChainProblem problem;
    problem.name = "gradients", problem.bandwidth = 1, problem.memory_bytes = 1e9;
    problem.devices = 8, problem.microbatches = 64;
    ChainWidth w;
    for (int i = 0; i < 4; ++i)
        w.layers.push_back({i, "l", i == 3 ? 1000.0 : 1.0, 0, 10, 10, false});
    for (int i = 0; i < 3; ++i) w.edges.push_back({i, i + 1, 0});
    problem.widths = {w};
    const ChainPlan published = *solve(problem).best;
    problem.gradients_of_all_stages = true;
    const ChainPlan ours = *solve(problem).best;
    const double right = *time_of(problem, w, published.d, published.stages);
    EXPECT_LT(published.time, ours.time);  // it promised less
    EXPECT_GT(right, ours.time);           // than it keeps
}

// A width at which nothing fits is told, not dropped.
TEST(Chain, phaze_defect_14_AWidthAtWhichNothingFitsIsTold) {
    ChainProblem problem = random_problem(12);
    problem.memory_bytes = 100, problem.widths.resize(1);
    Random random(4);
    problem.widths = {random_width(random, 3, 1), random_width(random, 3, 2)};
    for (ChainLayer& l : problem.widths[0].layers) l.parameter_bytes = 300;
    for (ChainLayer& l : problem.widths[1].layers) l.parameter_bytes = 1, l.activation_bytes = 1;
    problem.devices = 8;
    const ChainAnswer found = solve(problem);
    ASSERT_TRUE(found.best);
    ASSERT_EQ(found.notes.size(), 1U);
    EXPECT_EQ(found.notes[0].substr(0, 5), "t = 1");
}

TEST(Chain, NinetySixLayersOnAThousandDevicesTakeNoTime) {
    ChainProblem problem;
    problem.name = "long", problem.bandwidth = 1e9, problem.memory_bytes = 1e12;
    problem.devices = 1024, problem.microbatches = 4096;
    Random random(7);
    for (const int t : {1, 2, 4, 8}) problem.widths.push_back(random_width(random, 96, t));
    const std::clock_t begin = std::clock();  // of this process: others may be at work
    const ChainAnswer found = solve(problem);
    const double spent_s = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    EXPECT_TRUE(found.best);
    RecordProperty("milliseconds", static_cast<int>(spent_s * 1e3));
    EXPECT_LT(spent_s, 2.5);  // a fifth of it where nothing else runs
}

}  // namespace
}  // namespace smeaton::place
