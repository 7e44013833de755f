#include "schedule/linear/hyper.h"

namespace smeaton::schedule {

TaskGraph samples_of(const TaskGraph& graph, int samples) {
    if (samples == 1) return graph;
    TaskGraph all = graph;
    all.tasks.clear();
    all.edges.clear();
    auto n = static_cast<int>(graph.tasks.size());
    for (int s = 0; s < samples; ++s) {
        for (Task task : graph.tasks) {
            task.name += "@" + std::to_string(s);
            all.tasks.push_back(std::move(task));
        }
        for (Edge edge : graph.edges) {
            edge.from.v += s * n;
            edge.to.v += s * n;
            all.edges.push_back(edge);
        }
    }
    return all;
}

HyperClusters hyper_clusters(const TaskGraph& graph, const LinearClusters& linear, int samples,
                             Hyper form) {
    HyperClusters hyper;
    hyper.graph = samples_of(graph, samples);
    const auto n = static_cast<int>(graph.tasks.size());
    size_t count = linear.workers.size();
    hyper.workers.resize(count);
    for (int s = 0; s < samples; ++s) {
        hyper.distance_us.insert(hyper.distance_us.end(), linear.distance_us.begin(),
                                 linear.distance_us.end());
        for (size_t w = 0; w < count; ++w) {
            size_t cluster = form == Hyper::Plain ? w : (w + static_cast<size_t>(s)) % count;
            for (int t : linear.workers[cluster]) hyper.workers[w].push_back(s * n + t);
        }
    }
    return hyper;
}

}  // namespace smeaton::schedule
