#include "schedule/random/random_graph.h"

#include <algorithm>
#include <cmath>

namespace smeaton::schedule {

uint64_t RandomNumbers::next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

int RandomNumbers::between(int low, int high) {
    return low + static_cast<int>(next() % static_cast<uint64_t>(high - low + 1));
}

double RandomNumbers::share() {
    return static_cast<double>(next() >> 11) * 0x1p-53;
}

TaskGraph random_graph(const RandomGraphOptions& options, uint64_t seed) {
    RandomNumbers random(seed);
    TaskGraph graph;
    graph.kinds.clear();
    for (int k = 0; k < options.kinds; ++k) graph.kinds.push_back("kind" + std::to_string(k));
    for (int t = 0; t < options.tasks; ++t) {
        Task task;
        task.name = "t" + std::to_string(t);
        task.holds = {random.between(0, options.kinds - 1)};
        double us = random.between(options.low_us, options.high_us);
        for (int k = 1; k <= options.most_cores; ++k) {
            if (k > 1) us -= random.between(0, static_cast<int>(us / k));
            task.durations_us.push_back(us);
        }
        graph.tasks.push_back(task);
    }
    for (int a = 0; a < options.tasks; ++a)
        for (int b = a + 1; b < options.tasks; ++b)
            if (random.share() < options.edge_share)
                graph.edges.push_back(
                    {{a},
                     {b},
                     static_cast<double>(random.between(0, options.highest_message_us)),
                     0});
    return graph;
}

namespace {

struct Cut {
    int core;
    double start, end;
};

std::vector<Cut> cut_schedule(const KnownGraphOptions& options, RandomNumbers& random) {
    std::vector<Cut> cuts;
    for (int c = 0; c < options.cores; ++c) {
        int here = options.tasks / options.cores + (c < options.tasks % options.cores ? 1 : 0);
        std::vector<double> ends = {options.optimum_us};
        while (static_cast<int>(ends.size()) < here) {
            double at = random.between(1, static_cast<int>(options.optimum_us) - 1);
            if (std::find(ends.begin(), ends.end(), at) == ends.end()) ends.push_back(at);
        }
        std::sort(ends.begin(), ends.end());
        double start = 0;
        for (double end : ends) {
            cuts.push_back({c, start, end});
            start = end;
        }
    }
    return cuts;
}

}  // namespace

TaskGraph known_graph(const KnownGraphOptions& options, uint64_t seed) {
    RandomNumbers random(seed);
    std::vector<Cut> cuts = cut_schedule(options, random);
    std::sort(cuts.begin(), cuts.end(), [](const Cut& a, const Cut& b) {
        return a.start != b.start ? a.start < b.start : a.core < b.core;
    });
    TaskGraph graph;
    for (size_t t = 0; t < cuts.size(); ++t)
        graph.tasks.push_back({"t" + std::to_string(t), {cuts[t].end - cuts[t].start}, {0}, 0});
    for (size_t a = 0; a < cuts.size(); ++a)
        for (size_t b = 0; b < cuts.size(); ++b) {
            double room = cuts[b].start - cuts[a].end;
            if (room < 0 || random.share() >= options.edge_share) continue;
            double most = options.highest_message_us;
            if (cuts[a].core != cuts[b].core) most = std::min(most, room);
            double cost = std::floor(random.share() * (most + 1));
            graph.edges.push_back(
                {{static_cast<int>(a)}, {static_cast<int>(b)}, std::min(cost, most), 0});
        }
    return graph;
}

TaskGraph layered_graph(int tasks, int width, uint64_t seed) {
    RandomNumbers random(seed);
    TaskGraph graph;
    for (int t = 0; t < tasks; ++t) {
        graph.tasks.push_back(
            {"t" + std::to_string(t), {static_cast<double>(random.between(1, 20))}, {0}, 0});
        int layer = t / width * width;
        for (int k = 0; layer > 0 && k < 2; ++k)
            graph.edges.push_back({{layer - width + random.between(0, width - 1)},
                                   {t},
                                   static_cast<double>(random.between(0, 5)),
                                   0});
    }
    merge_edges(graph);
    return graph;
}

}  // namespace smeaton::schedule
