#include "place/partition.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "base/error.h"

namespace smeaton::place {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

PartitionProblem random_problem(int seed) {
    std::mt19937_64 random(static_cast<uint64_t>(seed));
    auto between = [&](int low, int high) {
        return low + static_cast<int>(random() % static_cast<uint64_t>(high - low + 1));
    };
    PartitionProblem p;
    p.name = "random";
    p.accelerators = between(0, 3), p.cpus = between(p.accelerators == 0 ? 1 : 0, 2);
    if (p.accelerators + p.cpus > 4) p.cpus = 1;
    p.memory_bytes = between(4, 30);
    const int forward = between(1, 6);
    const bool training = between(0, 1) == 1;
    int colours = 0;
    auto add = [&](bool backward, int colour) {
        PartitionNode n;
        n.id = std::to_string(p.nodes.size());
        n.backward = backward, n.colour = colour;
        n.on_accelerator = between(0, 9) > 0;
        const bool free = between(0, 4) == 0;
        n.cpu_time = free ? 0 : between(1, 40), n.accelerator_time = free ? 0 : between(1, 12);
        n.bytes = between(0, 6), n.send_cost = between(0, 6);
        p.nodes.push_back(n);
        return static_cast<int>(p.nodes.size()) - 1;
    };
    for (int i = 0; i < forward; ++i)
        add(false, i > 0 && between(0, 4) == 0 ? between(0, colours - 1) : colours++);
    for (int i = 0; i < forward; ++i)
        for (int j = i + 1; j < forward; ++j)
            if (between(0, 9) < 4) p.edges.emplace_back(i, j);
    if (!training) return p;
    std::vector<int> mates(static_cast<size_t>(forward), -1);
    for (int i = forward; i-- > 0;)
        if (between(0, 9) < 8)
            mates[static_cast<size_t>(i)] = add(true, p.nodes[static_cast<size_t>(i)].colour);
    std::vector<int> back;
    for (int i = forward; i-- > 0;)
        if (mates[static_cast<size_t>(i)] >= 0) back.push_back(mates[static_cast<size_t>(i)]);
    if (between(0, 2) == 0 && colours < 6)
        back.insert(back.begin() + between(0, static_cast<int>(back.size())), add(true, colours++));
    for (size_t i = 0; i < back.size(); ++i)
        for (size_t j = i + 1; j < back.size(); ++j)
            if (between(0, 9) < 4) p.edges.emplace_back(back[i], back[j]);
    for (int i = 0; i < forward; ++i)
        for (const int b : back)
            if (between(0, 9) < 1) p.edges.emplace_back(i, b);
    return p;
}

/// Every way to put the colours on a sequence of devices, each load by its definition.
double brute_force(const PartitionProblem& p) {
    const std::vector<std::vector<int>> needs = colour_order(p);
    const size_t colours = needs.size();
    const int devices = p.accelerators + p.cpus;
    double best = kInfinite;
    for (int kinds = 0; kinds < 1 << devices; ++kinds) {
        if (__builtin_popcount(static_cast<unsigned>(kinds)) != p.cpus) continue;
        std::vector<int> at(colours, 0);
        for (;;) {
            bool ordered = true;
            for (size_t c = 0; c < colours; ++c)
                for (const int n : needs[c]) ordered &= at[static_cast<size_t>(n)] <= at[c];
            double load = 0;
            for (int d = 0; d < devices && ordered; ++d) {
                std::vector<int> nodes;
                for (size_t n = 0; n < p.nodes.size(); ++n)
                    if (at[static_cast<size_t>(p.nodes[n].colour)] == d)
                        nodes.push_back(static_cast<int>(n));
                const bool cpu = kinds >> d & 1;
                double sum = 0, bytes = 0;
                for (const int n : nodes) {
                    const PartitionNode& node = p.nodes[static_cast<size_t>(n)];
                    sum += cpu                   ? node.cpu_time
                           : node.on_accelerator ? node.accelerator_time
                                                 : kInfinite;
                    bytes += node.bytes;
                }
                for (size_t u = 0; u < p.nodes.size() && !cpu; ++u) {
                    bool crosses = false;
                    for (const auto& [from, to] : p.edges)
                        crosses |=
                            from == static_cast<int>(u) &&
                            (at[static_cast<size_t>(p.nodes[u].colour)] == d) !=
                                (at[static_cast<size_t>(p.nodes[static_cast<size_t>(to)].colour)] ==
                                 d);
                    if (crosses) sum += p.nodes[u].send_cost;
                }
                if (!cpu && bytes > p.memory_bytes) sum = kInfinite;
                load = std::max(load, sum);
            }
            if (ordered) best = std::min(best, load);
            size_t c = 0;
            while (c < colours && ++at[c] == devices) at[c++] = 0;
            if (c == colours) break;
        }
    }
    return best;
}

TEST(Partition, TheOptimumEqualsBruteForceOnFiveHundredGraphs) {
    int fit = 0;
    for (int i = 0; i < 500; ++i) {
        const PartitionProblem problem = random_problem(i);
        const double want = brute_force(problem);
        const PartitionAnswer found = solve(problem);
        ASSERT_EQ(found.fits, want < kInfinite) << i;
        if (!found.fits) continue;
        ++fit;
        EXPECT_TRUE(found.optimal);
        ASSERT_NEAR(found.objective, want, 1e-9 * want + 1e-12) << i;
        size_t nodes = 0;
        for (const PartitionPart& part : found.parts) nodes += part.nodes.size();
        EXPECT_EQ(nodes, problem.nodes.size());
    }
    EXPECT_GT(fit, 200);
}

TEST(Partition, TooManyCutsAreLookedAtAlongOneOrderAndTheGapIsTold) {
    PartitionProblem p = random_problem(1);
    p.accelerators = 3, p.cpus = 1, p.memory_bytes = 1e9;
    const PartitionAnswer exact = solve(p);
    const PartitionAnswer line = solve(p, {1});
    EXPECT_FALSE(line.optimal);
    EXPECT_FALSE(line.note.empty());
    EXPECT_GE(line.objective, exact.objective);
    EXPECT_LE(line.lower_bound, exact.objective);
}

}  // namespace
}  // namespace smeaton::place
