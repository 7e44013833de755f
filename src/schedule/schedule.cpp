#include "schedule/schedule.h"

#include <algorithm>
#include <set>

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

}  // namespace smeaton::schedule
