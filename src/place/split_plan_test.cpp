#include "place/split_plan.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace smeaton::place {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

struct Random {
    std::mt19937_64 engine;
    int between(int low, int high) {
        return low + static_cast<int>(engine() % static_cast<uint64_t>(high - low + 1));
    }
};

SplitProblem random_problem(int seed) {
    Random random{std::mt19937_64(static_cast<uint64_t>(seed))};
    SplitProblem p;
    p.name = "random";
    const int nodes = random.between(1, 5);
    p.devices = random.between(1, 6), p.samples = random.between(1, 8);
    p.bandwidth = random.between(1, 8), p.memory_bytes = random.between(40, 260);
    p.nodes.resize(static_cast<size_t>(nodes));
    for (int i = 0; i < nodes; ++i)
        for (int j = i + 1; j < nodes; ++j)
            if (random.between(0, 9) < 5) {
                const auto e = static_cast<int>(p.edges.size());
                p.edges.push_back({i, j, double(random.between(0, 20))});
                p.nodes[static_cast<size_t>(i)].outgoing.push_back(e);
                p.nodes[static_cast<size_t>(j)].incoming.push_back(e);
            }
    for (int i = 0; i < nodes; ++i) {
        SplitNode& node = p.nodes[static_cast<size_t>(i)];
        node.id = std::to_string(i);
        for (const int t : {1, 2, 3}) {
            if (t > 1 && random.between(0, 2) == 0) continue;
            SplitWays ways{t, {}};
            SplitVariant v{"vanilla",
                           random.between(1, 60) / double(t),
                           double(random.between(0, 40)),
                           double(random.between(0, 30)),
                           double(random.between(0, 40)),
                           {}};
            for (size_t k = 0; k < node.incoming.size() + node.outgoing.size(); ++k)
                v.sync_bytes.push_back(t > 1 ? random.between(0, 9) : 0);
            ways.variants.push_back(v);
            if (random.between(0, 2) > 0) {
                v.id = "activation recomp";
                v.time *= 1.0 + random.between(0, 50) / 100.0;
                v.memory_a = double(random.between(0, static_cast<int>(v.memory_a)));
                v.memory_b += random.between(0, 5);
                ways.variants.push_back(v);
            }
            node.ways.push_back(ways);
        }
    }
    return p;
}

/// Every sequence of stages from the end, every t, d and choice of variants.
double brute_force(const SplitProblem& p, unsigned left, int devices, int degrees) {
    if (left == 0) return 0;
    double best = kInfinite;
    const auto count = static_cast<int>(p.nodes.size());
    for (unsigned stage = left; stage > 0; stage = (stage - 1) & left) {
        bool closed = true;
        for (const SplitEdge& e : p.edges)
            if (stage >> e.from & 1 && left >> e.to & 1) closed &= (stage >> e.to & 1) != 0;
        if (!closed) continue;
        for (const int t : {1, 2, 3})
            for (int d = 1; d <= p.samples; ++d) {
                if (p.samples % d != 0 || devices + t * d > p.devices) continue;
                if (degrees + d > std::min(p.samples, p.devices)) continue;
                const int y = (degrees + d + d - 1) / d;
                double load = kInfinite;
                for (int choice = 0; choice < 1 << count; ++choice) {
                    double time = 0, memory = 0;
                    for (int n = 0; n < count; ++n) {
                        if (!(stage >> n & 1)) {
                            if (choice >> n & 1) time = kInfinite;  // said once
                            continue;
                        }
                        const SplitVariant* v = nullptr;
                        for (const SplitWays& w : p.nodes[static_cast<size_t>(n)].ways)
                            if (w.t == t &&
                                w.variants.size() > static_cast<size_t>(choice >> n & 1))
                                v = &w.variants[static_cast<size_t>(choice >> n & 1)];
                        if (!v) {
                            time = kInfinite;
                            continue;
                        }
                        double bytes = 4.0 * (d - 1) / d * v->parameter_bytes / p.samples;
                        size_t k = 0;
                        for (const int e : p.nodes[static_cast<size_t>(n)].incoming) {
                            const double sync = v->sync_bytes[k++];
                            if (!(stage >> p.edges[static_cast<size_t>(e)].from & 1))
                                bytes += 2 * (p.edges[static_cast<size_t>(e)].bytes + sync) / d;
                        }
                        for (const int e : p.nodes[static_cast<size_t>(n)].outgoing) {
                            const double sync = v->sync_bytes[k++];
                            if (!(stage >> p.edges[static_cast<size_t>(e)].to & 1))
                                bytes += 2 * (p.edges[static_cast<size_t>(e)].bytes + sync) / d;
                        }
                        time += v->time / d + bytes / p.bandwidth;
                        memory += v->memory_a * y + v->memory_b;
                    }
                    if (memory <= p.memory_bytes) load = std::min(load, time);
                }
                if (load >= best) continue;
                best = std::min(best, std::max(load, brute_force(p, left & ~stage, devices + t * d,
                                                                 degrees + d)));
            }
    }
    return best;
}

TEST(SplitPlan, TheOptimumEqualsBruteForceOnFiveHundredGraphs) {
    int fit = 0, worse = 0;
    for (int i = 0; i < 500; ++i) {
        const SplitProblem problem = random_problem(i);
        const double want = brute_force(problem, (1U << problem.nodes.size()) - 1, 0, 0);
        const SplitAnswer found = solve(problem, Knapsack::kExact);
        ASSERT_EQ(found.fits, want < kInfinite) << i;
        if (!found.fits) continue;
        ++fit;
        ASSERT_NEAR(found.objective, want, 1e-9 * want) << i;
        const SplitAnswer ratio = solve(problem, Knapsack::kRatio);
        if (!ratio.fits || ratio.objective > found.objective * (1 + 1e-9)) ++worse;
        if (ratio.fits) {
            EXPECT_GE(ratio.objective, found.objective * (1 - 1e-12));
        }
    }
    EXPECT_GT(fit, 200);
    EXPECT_GT(worse, 0);  // the heuristic is one
}

TEST(Knapsack, TheLeastCostEqualsBruteForceAndTheRatioIsNeverBelow) {
    for (int seed = 0; seed < 500; ++seed) {
        Random random{std::mt19937_64(static_cast<uint64_t>(seed))};
        std::vector<std::vector<Item>> items(static_cast<size_t>(random.between(1, 7)));
        double lightest = 0;
        for (auto& choice : items) {
            for (int i = random.between(1, 3); i > 0; --i)
                choice.push_back({random.between(0, 1000) / 7.0, double(random.between(0, 50))});
            lightest += std::min_element(choice.begin(), choice.end(), [](Item a, Item b) {
                            return a.weight < b.weight;
                        })->weight;
        }
        const double limit = lightest + random.between(-5, 60);
        double best = kInfinite;
        std::vector<size_t> at(items.size(), 0);
        for (;;) {
            double cost = 0, weight = 0;
            for (size_t i = 0; i < items.size(); ++i)
                cost += items[i][at[i]].cost, weight += items[i][at[i]].weight;
            if (weight <= limit) best = std::min(best, cost);
            size_t i = 0;
            while (i < items.size() && ++at[i] == items[i].size()) at[i++] = 0;
            if (i == items.size()) break;
        }
        auto cost_of = [&](const std::vector<int>& taken) {
            double cost = 0;
            for (size_t i = 0; i < taken.size(); ++i)
                cost += items[i][static_cast<size_t>(taken[i])].cost;
            return taken.empty() ? kInfinite : cost;
        };
        const double found = cost_of(least_cost(items, limit));
        if (best == kInfinite) {
            EXPECT_EQ(found, best);
        } else {
            ASSERT_NEAR(found, best, 1e-9 * best + 1e-12) << seed;
        }
        EXPECT_GE(cost_of(by_ratio(items, limit)), found - 1e-9);
    }
}

}  // namespace
}  // namespace smeaton::place
