#include "schedule/schedule.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <tuple>

#include "base/error.h"

namespace smeaton::schedule {

double makespan_us(const Schedule& schedule) {
    double end = 0;
    for (const Placed& p : schedule.tasks) end = std::max(end, p.finish_us);
    return end;
}

bool share_core(const std::vector<int>& a, const std::vector<int>& b) {
    for (auto i = a.begin(), j = b.begin(); i != a.end() && j != b.end();) {
        if (*i == *j) return true;
        *i < *j ? ++i : ++j;
    }
    return false;
}

std::vector<int> core_numbers(const Task& task, const Cores& cores, const std::vector<int>& slots) {
    std::vector<int> numbers;
    for (int kind : task.holds)
        for (int slot : slots) numbers.push_back(cores.first(kind) + slot);
    return numbers;
}

std::vector<std::vector<int>> slots_of(const TaskGraph& graph, const Cores& cores,
                                       const Schedule& schedule) {
    std::vector<std::vector<int>> slots;
    std::map<int, int> names;
    for (size_t i = 0; i < graph.tasks.size(); ++i) {
        const std::vector<int>&taken = schedule.tasks[i].cores, &holds = graph.tasks[i].holds;
        slots.emplace_back();
        for (size_t k = 0; k < taken.size() / holds.size(); ++k) {
            int slot = taken[k] - cores.first(holds[0]);
            if (cores.kinds.size() == 1)
                slot = names.try_emplace(slot, static_cast<int>(names.size())).first->second;
            slots.back().push_back(slot);
        }
        std::sort(slots.back().begin(), slots.back().end());
    }
    return slots;
}

int messages(const TaskGraph& graph, const Schedule& schedule) {
    std::set<std::pair<int, std::vector<int>>> sent;
    for (const Edge& e : graph.edges) {
        const std::vector<int>& from = schedule.tasks[static_cast<size_t>(e.from.v)].cores;
        const std::vector<int>& to = schedule.tasks[static_cast<size_t>(e.to.v)].cores;
        if (!share_core(from, to)) sent.insert({e.from.v, to});
    }
    return static_cast<int>(sent.size());
}

Schedule replay(const TaskGraph& graph, const Links& links, const Cores& cores,
                const std::vector<Choice>& sequence) {
    SMEATON_CHECK(sequence.size() == graph.tasks.size(), "{} of {} tasks are placed",
                  sequence.size(), graph.tasks.size());
    Schedule schedule;
    schedule.tasks.resize(graph.tasks.size());
    std::vector<double> free(static_cast<size_t>(cores.total()), 0);
    for (const Choice& choice : sequence) {
        const Task& task = graph.tasks[static_cast<size_t>(choice.task)];
        Placed& placed = schedule.tasks[static_cast<size_t>(choice.task)];
        placed.task = {choice.task};
        placed.cores = core_numbers(task, cores, choice.slots);
        for (int e : links.in(choice.task)) {
            const Edge& edge = graph.edges[static_cast<size_t>(e)];
            const Placed& before = schedule.tasks[static_cast<size_t>(edge.from.v)];
            SMEATON_CHECK(before.task.valid(), "{} is placed before what it waits for", task.name);
            double due = share_core(before.cores, placed.cores) ? 0 : edge.cost_us;
            placed.start_us = std::max(placed.start_us, before.finish_us + due);
        }
        for (int c : placed.cores)
            placed.start_us = std::max(placed.start_us, free[static_cast<size_t>(c)]);
        placed.finish_us = placed.start_us + task.durations_us[choice.slots.size() - 1];
        for (int c : placed.cores) free[static_cast<size_t>(c)] = placed.finish_us;
    }
    return schedule;
}

std::vector<int> first_free(const std::vector<double>& free_us, const Cores& cores, int kind,
                            int count) {
    std::vector<int> slots(static_cast<size_t>(cores.kinds[static_cast<size_t>(kind)].count));
    std::iota(slots.begin(), slots.end(), 0);
    const int first = cores.first(kind);
    std::stable_sort(slots.begin(), slots.end(), [&](int a, int b) {
        return free_us[static_cast<size_t>(first + a)] < free_us[static_cast<size_t>(first + b)];
    });
    slots.resize(static_cast<size_t>(count));
    std::sort(slots.begin(), slots.end());
    return slots;
}

Schedule schedule_by_times(const TaskGraph& graph, const Links& links, const Cores& cores,
                           const Timing& timing) {
    std::vector<int> waits(graph.tasks.size(), 0);
    for (const Edge& e : graph.edges) ++waits[static_cast<size_t>(e.to.v)];
    // Of two that start together the one that takes no time comes first.
    std::set<std::tuple<double, double, int>> ready;
    auto add_ready = [&](int t) {
        auto i = static_cast<size_t>(t);
        ready.emplace(timing.start_us[i], timing.finish_us[i], links.position()[i]);
    };
    for (int t : links.order())
        if (waits[static_cast<size_t>(t)] == 0) add_ready(t);
    std::vector<double> free_us(static_cast<size_t>(cores.total()), 0);
    std::vector<Choice> sequence;
    while (!ready.empty()) {
        int t = links.order()[static_cast<size_t>(std::get<2>(*ready.begin()))];
        ready.erase(ready.begin());
        auto i = static_cast<size_t>(t);
        const Task& task = graph.tasks[i];
        std::vector<int> slots = timing.slots[i];
        if (slots.empty()) slots = first_free(free_us, cores, task.holds[0], timing.counts[i]);
        for (int core : core_numbers(task, cores, slots))
            free_us[static_cast<size_t>(core)] = timing.finish_us[i];
        sequence.push_back({t, std::move(slots)});
        for (int e : links.out(t)) {
            int to = graph.edges[static_cast<size_t>(e)].to.v;
            if (--waits[static_cast<size_t>(to)] == 0) add_ready(to);
        }
    }
    return replay(graph, links, cores, sequence);
}

}  // namespace smeaton::schedule
