#include "schedule/task_graph.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <queue>
#include <unordered_set>

#include "base/error.h"

namespace smeaton::schedule {

int Cores::total() const {
    int sum = 0;
    for (const CoreKind& kind : kinds) sum += kind.count;
    return sum;
}

int Cores::first(int kind) const {
    int before = 0;
    for (int k = 0; k < kind; ++k) before += kinds[static_cast<size_t>(k)].count;
    return before;
}

Cores cores_of_one_kind(int count) {
    return {{{"core", count}}};
}

namespace {

// Counting sort of the edges by one of their ends; stable, so in the order of the graph.
void bucket(const TaskGraph& graph, TaskId Edge::*end, std::vector<int>& first,
            std::vector<int>& all) {
    first.assign(graph.tasks.size() + 1, 0);
    for (const Edge& e : graph.edges) ++first[static_cast<size_t>((e.*end).v) + 1];
    for (size_t t = 1; t < first.size(); ++t) first[t] += first[t - 1];
    all.resize(graph.edges.size());
    std::vector<int> next(first.begin(), first.end() - 1);
    for (size_t e = 0; e < graph.edges.size(); ++e)
        all[static_cast<size_t>(next[static_cast<size_t>((graph.edges[e].*end).v)]++)] =
            static_cast<int>(e);
}

// From a task that waits for ever, back along tasks that do too, until one comes again.
std::string cycle_text(const TaskGraph& graph, const Links& links, const std::vector<int>& waits) {
    int at = 0;
    while (waits[static_cast<size_t>(at)] == 0) ++at;
    std::vector<int> path;
    std::vector<bool> seen(graph.tasks.size(), false);
    while (!seen[static_cast<size_t>(at)]) {
        seen[static_cast<size_t>(at)] = true;
        path.push_back(at);
        for (int e : links.in(at)) {
            int from = graph.edges[static_cast<size_t>(e)].from.v;
            if (waits[static_cast<size_t>(from)] == 0) continue;
            at = from;
            break;
        }
    }
    std::string text = graph.tasks[static_cast<size_t>(at)].name;
    for (auto it = path.rbegin(); it != path.rend(); ++it) {
        text += " -> " + graph.tasks[static_cast<size_t>(*it)].name;
        if (*it == at) break;
    }
    return text;
}

}  // namespace

Links::Links(const TaskGraph& graph) {
    bucket(graph, &Edge::from, out_first_, out_);
    bucket(graph, &Edge::to, in_first_, in_);
    size_t n = graph.tasks.size();
    std::vector<int> waits(n);
    std::priority_queue<int, std::vector<int>, std::greater<>> ready;
    for (size_t t = 0; t < n; ++t) {
        waits[t] = in_first_[t + 1] - in_first_[t];
        if (waits[t] == 0) ready.push(static_cast<int>(t));
    }
    position_.assign(n, 0);
    while (!ready.empty()) {
        int t = ready.top();
        ready.pop();
        position_[static_cast<size_t>(t)] = static_cast<int>(order_.size());
        order_.push_back(t);
        for (int e : out(t)) {
            int to = graph.edges[static_cast<size_t>(e)].to.v;
            if (--waits[static_cast<size_t>(to)] == 0) ready.push(to);
        }
    }
    if (order_.size() < n)
        throw UserError("the tasks wait for each other in a cycle: {}",
                        cycle_text(graph, *this, waits));
}

namespace {

constexpr double kMostUs = 1e290;  // so that sums over samples and cores are numbers

void verify_task(const TaskGraph& graph, const Task& task, const std::string& what) {
    if (task.durations_us.empty())
        throw UserError("{}: task '{}' has no duration; give one for 1, 2, ... cores", what,
                        task.name);
    bool runs = false;
    for (double d : task.durations_us) {
        if (!(d >= 0))
            throw UserError("{}: task '{}' has the duration {}; expected a number from 0 on", what,
                            task.name, d);
        runs |= std::isfinite(d);
    }
    if (!runs) throw UserError("{}: task '{}' can run on no number of cores", what, task.name);
    if (task.holds.empty()) throw UserError("{}: task '{}' holds no kind of core", what, task.name);
    for (int kind : task.holds)
        SMEATON_CHECK(kind >= 0 && static_cast<size_t>(kind) < graph.kinds.size(),
                      "task {} holds kind {}", task.name, kind);
    if (!(task.output_bytes >= 0))
        throw UserError("{}: task '{}' has an output of {} bytes", what, task.name,
                        task.output_bytes);
}

void verify_edge(const TaskGraph& graph, const Edge& edge, const std::string& what) {
    auto n = static_cast<int>(graph.tasks.size());
    SMEATON_CHECK(edge.from.v >= 0 && edge.from.v < n && edge.to.v >= 0 && edge.to.v < n,
                  "edge from {} to {} of {} tasks", edge.from.v, edge.to.v, n);
    if (edge.from == edge.to)
        throw UserError("{}: task '{}' waits for itself", what, graph.at(edge.from).name);
    if (!(edge.cost_us >= 0) || !std::isfinite(edge.cost_us) || !(edge.bytes >= 0))
        throw UserError(
            "{}: the edge from '{}' to '{}' costs {} and carries {} bytes; expected "
            "numbers from 0 on",
            what, graph.at(edge.from).name, graph.at(edge.to).name, edge.cost_us, edge.bytes);
}

}  // namespace

void verify(const TaskGraph& graph, const std::string& what) {
    if (graph.tasks.empty()) throw UserError("{}: there is no task", what);
    double all_us = 0;
    std::unordered_set<std::string> names;
    for (const Task& task : graph.tasks) {
        verify_task(graph, task, what);
        if (!names.insert(task.name).second)
            throw UserError("{}: two tasks are called '{}'", what, task.name);
        for (double d : task.durations_us) all_us += std::isfinite(d) ? d : 0;
    }
    for (const Edge& edge : graph.edges) {
        verify_edge(graph, edge, what);
        all_us += edge.cost_us;
    }
    if (!(all_us <= kMostUs))
        throw UserError("{}: its times add up to {} us; expected at most {}", what, all_us,
                        kMostUs);
    try {
        Links links(graph);
    } catch (const UserError& error) {
        throw UserError("{}: {}", what, error.what());
    }
}

void verify(const TaskGraph& graph, const Cores& cores, const std::string& what) {
    SMEATON_CHECK(cores.kinds.size() == graph.kinds.size(), "{} kinds of core for a graph of {}",
                  cores.kinds.size(), graph.kinds.size());
    for (const CoreKind& kind : cores.kinds)
        if (kind.count < 1)
            throw UserError("{}: {} cores of kind '{}'; expected at least 1", what, kind.count,
                            kind.name);
    verify(graph, what);
    for (const Task& task : graph.tasks)
        if (!std::isfinite(fastest_us(task, most_cores(task, cores))))
            throw UserError("{}: task '{}' needs more cores than there are", what, task.name);
}

void merge_edges(TaskGraph& graph) {
    auto less = [](const Edge& a, const Edge& b) {
        return a.from != b.from ? a.from < b.from : a.to < b.to;
    };
    std::stable_sort(graph.edges.begin(), graph.edges.end(), less);
    size_t kept = 0;
    for (const Edge& e : graph.edges) {
        if (kept > 0 && graph.edges[kept - 1].from == e.from && graph.edges[kept - 1].to == e.to) {
            Edge& first = graph.edges[kept - 1];
            first.cost_us = std::max(first.cost_us, e.cost_us);
            first.bytes += e.bytes;
        } else {
            graph.edges[kept++] = e;
        }
    }
    graph.edges.resize(kept);
}

int places_for(const Task& task, const Cores& cores) {
    int places = std::numeric_limits<int>::max();
    for (int kind : task.holds)
        places = std::min(places, cores.kinds[static_cast<size_t>(kind)].count);
    return places;
}

int most_cores(const Task& task, const Cores& cores) {
    int most = std::min(static_cast<int>(task.durations_us.size()), places_for(task, cores));
    while (most > 1 && std::isinf(task.durations_us[static_cast<size_t>(most) - 1])) --most;
    return most;
}

double fastest_us(const Task& task, int most) {
    return *std::min_element(task.durations_us.begin(), task.durations_us.begin() + most);
}

double least_area_us(const Task& task, int most) {
    double least = std::numeric_limits<double>::infinity();
    for (int k = 1; k <= most; ++k)
        least = std::min(least, k * task.durations_us[static_cast<size_t>(k) - 1]);
    return least;
}

double serial_us(const Task& task) {
    for (double d : task.durations_us)
        if (std::isfinite(d)) return d;
    return std::numeric_limits<double>::infinity();
}

}  // namespace smeaton::schedule
