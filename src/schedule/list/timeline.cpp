#include "schedule/list/timeline.h"

#include <algorithm>
#include <limits>

#include "base/error.h"

namespace smeaton::schedule {

namespace {
constexpr double kNever = std::numeric_limits<double>::infinity();
}

Timeline::Timeline(const TaskGraph& graph, const Links& links, const Cores& cores)
    : graph_(graph), links_(links), cores_(cores) {
    for (size_t k = 0; k < cores.kinds.size(); ++k)
        first_.push_back(cores.first(static_cast<int>(k)));
    gaps_.assign(static_cast<size_t>(cores.total()), {{0, kNever}});
    schedule_.tasks.resize(graph.tasks.size());
}

// When all that the task needs is there, if it takes this place: no message from where it lies.
double Timeline::ready_us(int task, int slot) const {
    const std::vector<int>& holds = graph_.tasks[static_cast<size_t>(task)].holds;
    double ready = 0;
    for (int e : links_.in(task)) {
        const Edge& edge = graph_.edges[static_cast<size_t>(e)];
        const Placed& before = schedule_.tasks[static_cast<size_t>(edge.from.v)];
        double due = edge.cost_us;
        if (due > 0 && before.finish_us + due > ready)
            for (int kind : holds)
                if (std::binary_search(before.cores.begin(), before.cores.end(),
                                       first_[static_cast<size_t>(kind)] + slot))
                    due = 0;
        ready = std::max(ready, before.finish_us + due);
    }
    return ready;
}

bool Timeline::has_messages(int task) const {
    for (const int e : links_.in(task))
        if (graph_.edges[static_cast<size_t>(e)].cost_us > 0) return true;
    return false;
}

// The earliest start at which the place is free, on all kinds, for so long.
double Timeline::next_fit_us(const Task& task, int slot, double from_us, double takes_us) const {
    for (bool moved = true; moved;) {
        moved = false;
        for (int kind : task.holds) {
            const std::vector<Gap>& gaps =
                gaps_[static_cast<size_t>(first_[static_cast<size_t>(kind)] + slot)];
            auto gap = std::partition_point(gaps.begin(), gaps.end(),
                                            [&](const Gap& g) { return g.to < from_us; });
            while (std::max(gap->from, from_us) + takes_us > gap->to) ++gap;
            if (gap->from > from_us) {
                from_us = gap->from;
                moved = task.holds.size() > 1;
            }
        }
    }
    return from_us;
}

double Timeline::free_since_us(const Task& task, int slot, double at_us) const {
    double since = 0;
    for (int kind : task.holds) {
        const std::vector<Gap>& gaps =
            gaps_[static_cast<size_t>(first_[static_cast<size_t>(kind)] + slot)];
        auto gap = std::partition_point(gaps.begin(), gaps.end(),
                                        [&](const Gap& g) { return g.to < at_us; });
        since = std::max(since, gap->from);
    }
    return since;
}

// The earliest start from ready_us on at which the anchor and count - 1 other places are free.
void Timeline::spot_at(int task, int count, int anchor, double ready_us, Spot& best) const {
    const Task& t = graph_.tasks[static_cast<size_t>(task)];
    double takes = t.durations_us[static_cast<size_t>(count) - 1];
    const int places = places_for(t, cores_);
    double start = ready_us;
    std::vector<std::pair<double, int>> free;  // (-since, slot): least idle first
    while (true) {
        start = next_fit_us(t, anchor, start, takes);
        if (start + takes >= best.finish_us) return;
        free.clear();
        double next = kNever;
        for (int slot = 0; slot < places; ++slot) {
            if (slot == anchor) continue;
            double fit = next_fit_us(t, slot, start, takes);
            if (fit == start)
                free.emplace_back(-free_since_us(t, slot, start), slot);
            else
                next = std::min(next, fit);
        }
        if (static_cast<int>(free.size()) >= count - 1) break;
        start = next;
    }
    std::sort(free.begin(), free.end());
    best.slots = {anchor};
    for (int k = 0; k + 1 < count; ++k) best.slots.push_back(free[static_cast<size_t>(k)].second);
    std::sort(best.slots.begin(), best.slots.end());
    best.start_us = start;
    best.finish_us = start + takes;
}

Spot Timeline::best_spot(int task, int count) const {
    const Task& t = graph_.tasks[static_cast<size_t>(task)];
    const int places = places_for(t, cores_);
    SMEATON_CHECK(count >= 1 && count <= places, "{} on {} of {} cores", t.name, count, places);
    double takes = t.durations_us[static_cast<size_t>(count) - 1];
    Spot best;
    best.finish_us = kNever;
    double waited = kNever;
    if (count == places && !has_messages(task)) {  // whichever comes first, all are taken
        spot_at(task, count, 0, ready_us(task, 0), best);
        return best;
    }
    for (int slot = 0; slot < places; ++slot) {
        double ready = ready_us(task, slot);
        if (count > 1) {
            spot_at(task, count, slot, ready, best);
            continue;
        }
        double start = next_fit_us(t, slot, ready, takes);
        if (start + takes > best.finish_us) continue;
        double idle = start - free_since_us(t, slot, start);
        if (start + takes == best.finish_us && idle >= waited) continue;
        best = {{slot}, start, start + takes};
        waited = idle;
    }
    return best;
}

void Timeline::take(std::vector<Gap>& gaps, double from_us, double to_us) {
    auto gap =
        std::partition_point(gaps.begin(), gaps.end(), [&](const Gap& g) { return g.to < to_us; });
    SMEATON_CHECK(gap != gaps.end() && gap->from <= from_us, "{} to {} is taken", from_us, to_us);
    // A task that takes no time parts the gap too, so that none runs across it.
    Gap before{gap->from, from_us}, behind{to_us, gap->to};
    bool keep_before = before.from < before.to, keep_behind = behind.from < behind.to;
    if (keep_before && keep_behind) {
        *gap = before;
        gaps.insert(gap + 1, behind);
    } else if (keep_before || keep_behind) {
        *gap = keep_before ? before : behind;
    } else {
        gaps.erase(gap);
    }
}

void Timeline::place(int task, const Spot& spot) {
    const Task& t = graph_.tasks[static_cast<size_t>(task)];
    Placed& placed = schedule_.tasks[static_cast<size_t>(task)];
    placed = {{task}, core_numbers(t, cores_, spot.slots), spot.start_us, spot.finish_us};
    for (int core : placed.cores)
        take(gaps_[static_cast<size_t>(core)], spot.start_us, spot.finish_us);
}

}  // namespace smeaton::schedule
