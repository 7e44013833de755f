#include "search/phaze/layer_bounds.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "search/phaze/layer_time.h"

namespace smeaton::search::phaze {
namespace {

struct Random {
    std::mt19937 engine;
    int between(int low, int high) {
        return low + static_cast<int>(engine() % static_cast<unsigned>(high - low + 1));
    }
};

std::vector<Task> random_tasks(Random& random) {
    std::vector<Task> all;
    const int count = random.between(2, 7);
    for (int t = 0; t < count; ++t) {
        Task task{"t", static_cast<Engine>(random.between(0, 2)), {}, 0, 0, {}, 0};
        for (int b = 0; b < t; ++b)
            if (random.between(0, 9) < 3) task.after.push_back(b);
        all.push_back(task);
    }
    return all;
}

std::vector<Latency> random_latencies(Random& random, size_t tasks) {
    std::vector<Latency> all;
    for (size_t t = 0; t < tasks; ++t) {
        const double one = random.between(2, 20);
        all.push_back({one, std::max(1.0, one * random.between(2, 10) / 10)});
    }
    return all;
}

// The same tasks on chips of other cores, with other times: what one chip's schedule takes at least
// bounds the others, and is met where times are those of the known one, or twice as long.
TEST(LayerBounds, WhatIsKnownOfAChipNeverPassesTheShortestScheduleOfAnother) {
    Random random{std::mt19937(5)};
    int used = 0, met = 0;
    for (int i = 0; i < 120; ++i) {
        const std::vector<Task> tasks = random_tasks(random);
        const std::vector<Latency> base = random_latencies(random, tasks.size());
        const Chip chip{1 << random.between(0, 2), 1 << random.between(0, 2), 16, 16, 2};
        const LayerTime known = layer_time(task_graph(tasks, base, chip), Effort::kExact);
        ASSERT_TRUE(known.proven());
        LayerBounds bounds;
        bounds.add({{3, LayerCores(chip, tasks.size()), base, known.lower_bound}});
        for (int k = 0; k < 6; ++k) {
            std::vector<Latency> other = base;
            for (Latency& l : other) {
                l.one *= random.between(9, 14) / 10.0;
                l.all *= random.between(9, 14) / 10.0;
            }
            if (k == 0) other = base;
            if (k == 1)
                for (Latency& l : other = base) l.one *= 2, l.all *= 2;
            const Chip there{k < 2 ? chip.n_tc : 1 << random.between(0, 2),
                             k < 2 ? chip.n_vc : 1 << random.between(0, 2), 16, 16, 2};
            const double bound = bounds.bound(3, LayerCores(there, tasks.size()), other, 0);
            const LayerTime best = layer_time(task_graph(tasks, other, there), Effort::kExact);
            ASSERT_LE(bound, best.time * (1 + 1e-12)) << i << " " << k;
            used += bound > 0;
            met += bound > best.time * (1 - 1e-9);
        }
        EXPECT_EQ(bounds.bound(2, LayerCores(chip, tasks.size()), base, 7), 7);
    }
    EXPECT_GT(used, 300);
    EXPECT_GE(met, 240);
}

TEST(LayerBounds, TheOrderInWhichTheyAreFoundDoesNotMatter) {
    Random random{std::mt19937(6)};
    const LayerCores cores(Chip{4, 2, 16, 16, 2}, 5);
    std::vector<LayerBounds::Known> all;
    for (int i = 0; i < 20; ++i)
        all.push_back({0, cores, random_latencies(random, 5), 10.0 + random.between(0, 30)});
    LayerBounds one, other;
    one.add(all);
    std::shuffle(all.begin(), all.end(), random.engine);
    other.add(all);
    for (int i = 0; i < 50; ++i) {
        const std::vector<Latency> times = random_latencies(random, 5);
        EXPECT_EQ(one.bound(0, cores, times, 0), other.bound(0, cores, times, 0));
    }
}

}  // namespace
}  // namespace smeaton::search::phaze
