#include "schedule/bounds.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "schedule/time_unit.h"

namespace smeaton::schedule {

namespace {

constexpr size_t kWindowTasks = 100;
constexpr double kWindowSteps = 4e6;  // windows x tasks x numbers of cores, for each T tried
constexpr size_t kPairTasks = 3000;   // pairs of a head and a tail
constexpr int kHalvings = 24;

bool hold_common_kind(const Task& a, const Task& b) {
    for (int kind : a.holds)
        if (std::find(b.holds.begin(), b.holds.end(), kind) != b.holds.end()) return true;
    return false;
}

bool holds(const Task& task, int kind) {
    return std::find(task.holds.begin(), task.holds.end(), kind) != task.holds.end();
}

// One kind of core and the tasks that hold it.
struct OfKind {
    /// A number of cores that a task may take, and its time on them.
    struct Way {
        int cores;
        double us;
    };
    double cores = 1;
    std::vector<int> most;
    std::vector<const Task*> tasks;
    std::vector<std::vector<Way>> ways;
    std::vector<double> head, tail, area;
    double total_area = 0;
};

OfKind of_kind(const TaskGraph& graph, const Cores& cores, const HeadsAndTails& ends, int kind) {
    OfKind k;
    k.cores = cores.kinds[static_cast<size_t>(kind)].count;
    for (size_t t = 0; t < graph.tasks.size(); ++t) {
        const Task& task = graph.tasks[t];
        if (!holds(task, kind)) continue;
        k.tasks.push_back(&task);
        k.most.push_back(most_cores(task, cores));
        k.ways.emplace_back();
        for (int n = 1; n <= k.most.back(); ++n) {
            const double us = task.durations_us[static_cast<size_t>(n) - 1];
            if (std::isfinite(us)) k.ways.back().push_back({n, us});
        }
        k.head.push_back(ends.head_us[t]);
        k.tail.push_back(ends.tail_us[t]);
        k.area.push_back(least_area_us(task, k.most.back()));
        k.total_area += k.area.back();
    }
    return k;
}

// Tasks that start at h or later and are followed by q or more: h + their work / cores + q. For
// every h (and, where there are not too many tasks, every q).
double pair_bound(const OfKind& k) {
    std::vector<size_t> by_head(k.tasks.size());
    for (size_t i = 0; i < by_head.size(); ++i) by_head[i] = i;
    std::sort(by_head.begin(), by_head.end(),
              [&](size_t a, size_t b) { return k.head[a] > k.head[b]; });
    std::vector<double> tails;
    if (k.tasks.size() <= kPairTasks) tails = k.tail;
    tails.push_back(0);
    std::sort(tails.begin(), tails.end());
    tails.erase(std::unique(tails.begin(), tails.end()), tails.end());
    double best = 0;
    for (double q : tails) {
        double area = 0;
        double least_tail = std::numeric_limits<double>::infinity();
        for (size_t i : by_head) {
            if (k.tail[i] < q) continue;
            area += k.area[i];
            least_tail = std::min(least_tail, k.tail[i]);
            best = std::max(best, k.head[i] + area / k.cores + least_tail);
        }
    }
    return best;
}

// Core time that a task must spend between a and b when it may not start before `head` nor end
// after `last`.
double must_spend(const std::vector<OfKind::Way>& ways, double head, double last, double a,
                  double b) {
    double least = std::numeric_limits<double>::infinity();
    for (const OfKind::Way& way : ways) {
        if (!(head + way.us <= last)) continue;
        const double inside = std::min({way.us, b - a, head + way.us - a, b - (last - way.us)});
        least = std::min(least, way.cores * std::max(0.0, inside));
    }
    return std::isinf(least) ? 0 : least;
}

bool refuted(const OfKind& k, double end_us) {
    std::vector<double> starts = k.head, ends;
    std::sort(starts.begin(), starts.end());
    starts.erase(std::unique(starts.begin(), starts.end()), starts.end());
    for (double q : k.tail) ends.push_back(end_us - q);
    std::sort(ends.begin(), ends.end());
    ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
    for (double a : starts)
        for (double b : ends) {
            if (b <= a) continue;
            double spend = 0;
            for (size_t i = 0; i < k.tasks.size(); ++i)
                spend += must_spend(k.ways[i], k.head[i], end_us - k.tail[i], a, b);
            if (spend > k.cores * (b - a) * (1 + 1e-9)) return true;
        }
    return false;
}

double window_bound(const OfKind& k, double low, double high) {
    const auto n = static_cast<double>(k.tasks.size());
    const double steps = n * n * std::accumulate(k.most.begin(), k.most.end(), 0.0);
    if (n > kWindowTasks || steps > kWindowSteps || !(low < high) || !refuted(k, low)) return low;
    for (int i = 0; i < kHalvings; ++i) {
        double middle = (low + high) / 2;
        (refuted(k, middle) ? low : high) = middle;
    }
    return low;
}

}  // namespace

double Bounds::best_us() const {
    return std::max({critical_path_us, work_us, energetic_us});
}

HeadsAndTails heads_and_tails(const TaskGraph& graph, const Links& links, const Cores& cores) {
    size_t n = graph.tasks.size();
    HeadsAndTails ends{std::vector<double>(n, 0), std::vector<double>(n, 0),
                       std::vector<double>(n, 0)};
    for (size_t t = 0; t < n; ++t)
        ends.fastest_us[t] = fastest_us(graph.tasks[t], most_cores(graph.tasks[t], cores));
    auto always_due = [&](const Edge& e) {
        return hold_common_kind(graph.at(e.from), graph.at(e.to)) ? 0 : e.cost_us;
    };
    for (int t : links.order())
        for (int e : links.out(t)) {
            const Edge& edge = graph.edges[static_cast<size_t>(e)];
            auto from = static_cast<size_t>(t), to = static_cast<size_t>(edge.to.v);
            ends.head_us[to] = std::max(
                ends.head_us[to], ends.head_us[from] + ends.fastest_us[from] + always_due(edge));
        }
    for (auto t = links.order().rbegin(); t != links.order().rend(); ++t)
        for (int e : links.in(*t)) {
            const Edge& edge = graph.edges[static_cast<size_t>(e)];
            auto from = static_cast<size_t>(edge.from.v), to = static_cast<size_t>(*t);
            ends.tail_us[from] = std::max(
                ends.tail_us[from], ends.tail_us[to] + ends.fastest_us[to] + always_due(edge));
        }
    return ends;
}

Bounds lower_bounds(const TaskGraph& graph, const Links& links, const Cores& cores,
                    double at_most_us) {
    HeadsAndTails ends = heads_and_tails(graph, links, cores);
    Bounds bounds;
    for (size_t t = 0; t < graph.tasks.size(); ++t)
        bounds.critical_path_us = std::max(bounds.critical_path_us,
                                           ends.head_us[t] + ends.fastest_us[t] + ends.tail_us[t]);
    std::vector<OfKind> kinds;
    for (size_t kind = 0; kind < cores.kinds.size(); ++kind) {
        kinds.push_back(of_kind(graph, cores, ends, static_cast<int>(kind)));
        if (kinds.back().tasks.empty()) continue;
        bounds.work_us = std::max(bounds.work_us, kinds.back().total_area / kinds.back().cores);
        bounds.energetic_us = std::max(bounds.energetic_us, pair_bound(kinds.back()));
    }
    for (const OfKind& k : kinds)
        if (!k.tasks.empty())
            bounds.energetic_us =
                std::max(bounds.energetic_us, window_bound(k, bounds.best_us(), at_most_us));
    const double unit = time_unit_us(graph);
    bounds.work_us = rounded_up_us(bounds.work_us, unit);
    bounds.energetic_us = rounded_up_us(bounds.energetic_us, unit);
    return bounds;
}

}  // namespace smeaton::schedule
