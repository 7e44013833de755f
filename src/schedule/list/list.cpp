#include "schedule/list/list.h"

#include <algorithm>
#include <queue>

#include "schedule/list/timeline.h"

namespace smeaton::schedule {

Schedule list_schedule(const TaskGraph& graph, const Links& links, const Cores& cores,
                       const std::vector<double>& urgency, const std::vector<int>& counts) {
    auto later = [&](int a, int b) {
        auto x = static_cast<size_t>(a), y = static_cast<size_t>(b);
        return urgency[x] != urgency[y] ? urgency[x] < urgency[y]
                                        : links.position()[x] > links.position()[y];
    };
    std::priority_queue<int, std::vector<int>, decltype(later)> ready(later);
    std::vector<int> waits(graph.tasks.size(), 0);
    for (const Edge& e : graph.edges) ++waits[static_cast<size_t>(e.to.v)];
    for (size_t t = 0; t < waits.size(); ++t)
        if (waits[t] == 0) ready.push(static_cast<int>(t));
    Timeline timeline(graph, links, cores);
    while (!ready.empty()) {
        int t = ready.top();
        ready.pop();
        timeline.place(t, timeline.best_spot(t, counts[static_cast<size_t>(t)]));
        for (int e : links.out(t)) {
            int to = graph.edges[static_cast<size_t>(e)].to.v;
            if (--waits[static_cast<size_t>(to)] == 0) ready.push(to);
        }
    }
    return timeline.schedule();
}

std::vector<double> upward_rank(const TaskGraph& graph, const Links& links,
                                const std::vector<int>& counts, double message) {
    std::vector<double> rank(graph.tasks.size(), 0);
    for (auto t = links.order().rbegin(); t != links.order().rend(); ++t) {
        auto i = static_cast<size_t>(*t);
        for (int e : links.out(*t)) {
            const Edge& edge = graph.edges[static_cast<size_t>(e)];
            rank[i] =
                std::max(rank[i], message * edge.cost_us + rank[static_cast<size_t>(edge.to.v)]);
        }
        rank[i] += graph.tasks[i].durations_us[static_cast<size_t>(counts[i]) - 1];
    }
    return rank;
}

}  // namespace smeaton::schedule
