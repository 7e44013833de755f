#include "driver/parallel/plan.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <tuple>

#include "base/error.h"
#include "driver/parallel/tasks.h"
#include "run/copies.h"
#include "schedule/list/list.h"

namespace smeaton::driver {

namespace {

int tasks_of_a_sample(const ParallelChoice& choice) {
    const size_t all = choice.schedule.tasks.size(), samples = static_cast<size_t>(choice.samples);
    SMEATON_CHECK(all % samples == 0, "{} tasks of {} samples", all, samples);
    return static_cast<int>(all / samples);
}

/// What of a schedule is one sample's.
struct Stay {
    int core = -1;  // of all its tasks; -1: of several cores
    double from_us = 0, to_us = 0;
};

Stay stay_of(const ParallelChoice& choice, int sample) {
    const auto n = static_cast<size_t>(tasks_of_a_sample(choice));
    const schedule::Placed* first = &choice.schedule.tasks[static_cast<size_t>(sample) * n];
    Stay stay{first->cores.front(), first->start_us, first->finish_us};
    for (const schedule::Placed* p = first; p != first + n; ++p) {
        if (p->cores.size() > 1 || p->cores.front() != stay.core) stay.core = -1;
        stay.from_us = std::min(stay.from_us, p->start_us);
        stay.to_us = std::max(stay.to_us, p->finish_us);
        if (stay.core < 0) break;
    }
    return stay;
}

/// Whether one may begin in the arena of the other: it finds the core when that has ended.
bool take_turns(const Stay& a, const Stay& b) {
    return a.core >= 0 && a.core == b.core && (a.to_us <= b.from_us || b.to_us <= a.from_us);
}

std::vector<int> arenas_of(const ParallelChoice& choice, const std::vector<run::Plan>& plans) {
    std::vector<Stay> stays;
    std::vector<int> arenas;
    int next = 0;
    for (int s = 0; s < choice.samples; ++s) {
        stays.push_back(stay_of(choice, s));
        int arena = -1;
        for (int a = 0; a < next && arena < 0; ++a) {
            bool fits = true;
            for (int other = 0; other < s; ++other)
                if (arenas[static_cast<size_t>(other)] == a)
                    fits = fits && take_turns(stays.back(), stays[static_cast<size_t>(other)]) &&
                           plans[static_cast<size_t>(other)].buffers ==
                               plans[static_cast<size_t>(s)].buffers;
            if (fits) arena = a;
        }
        arenas.push_back(arena < 0 ? next++ : arena);
    }
    return arenas;
}

}  // namespace

std::vector<int> by_start(const schedule::Links& links, const schedule::Schedule& schedule) {
    std::vector<int> tasks(schedule.tasks.size());
    std::iota(tasks.begin(), tasks.end(), 0);
    const auto key = [&](int t) {
        const schedule::Placed& p = schedule.tasks[static_cast<size_t>(t)];
        return std::tuple(p.start_us, p.finish_us, links.position()[static_cast<size_t>(t)]);
    };
    std::sort(tasks.begin(), tasks.end(), [&](int a, int b) { return key(a) < key(b); });
    return tasks;
}

Arrangement arrangement_of(const ParallelChoice& choice, int sample) {
    Arrangement out;
    if (choice.method == "serial") return out;
    const int n = tasks_of_a_sample(choice), first = sample * n;
    out.threads = choice.threads;
    for (int t : by_start(schedule::Links(choice.graph), choice.schedule))
        if (t >= first && t < first + n) out.order.push_back(t - first);
    for (int t = first; t < first + n; ++t) {
        const schedule::Placed& p = choice.schedule.tasks[static_cast<size_t>(t)];
        out.teams.push_back({p.cores.front(), static_cast<int>(p.cores.size())});
        out.start_us.push_back(p.start_us);
        out.finish_us.push_back(p.finish_us);
    }
    return out;
}

run::Plan plan_of(const gir::Program& program, const emit::EmittedProgram& emitted,
                  const ParallelChoice& choice) {
    SMEATON_CHECK(choice.method != "serial", "a plan of no schedule");
    std::vector<run::Plan> plans;
    for (int s = 0; s < choice.samples; ++s)
        plans.push_back(make_plan(program, emitted, {arrangement_of(choice, s), {}}).plan);
    if (choice.samples == 1) return std::move(plans.front());
    run::Plan plan = run::joined(plans, arenas_of(choice, plans));
    plan.order = by_start(schedule::Links(choice.graph), choice.schedule);
    return plan;
}

ParallelChoice given_choice(const gir::Program& program, const schedule::Schedule& schedule,
                            int threads) {
    ParallelChoice choice;
    choice.wanted = choice.method = choice.tried = "given";
    choice.threads = threads;
    choice.graph = kernel_tasks(program);
    if (choice.graph.tasks.size() != schedule.tasks.size())
        throw UserError("a schedule of {} tasks is given, and there are {} kernels",
                        schedule.tasks.size(), choice.graph.tasks.size());
    for (const schedule::Placed& p : schedule.tasks) {
        const int first = p.cores.front(), last = p.cores.back();
        if (first < 0 || last >= threads || last - first + 1 != static_cast<int>(p.cores.size()))
            throw UserError("the schedule has kernel {} on cores {} to {}, which no team of {} is",
                            choice.graph.at(p.task).name, first, last, threads);
    }
    choice.schedule = schedule;
    return choice;
}

schedule::Schedule on_neighbours(const schedule::TaskGraph& graph, const schedule::Cores& cores,
                                 const schedule::Schedule& wanted) {
    const schedule::Links links(graph);
    std::vector<double> free_us(static_cast<size_t>(cores.total()), 0);
    std::vector<double> finish_us(graph.tasks.size(), 0);
    std::vector<schedule::Choice> sequence;
    for (int t : by_start(links, wanted)) {
        const std::vector<int>& own = wanted.tasks[static_cast<size_t>(t)].cores;
        const int count = static_cast<int>(own.size());
        const bool apart = own.back() - own.front() + 1 != count;
        double ready = 0;
        for (int e : links.in(t))
            ready = std::max(
                ready, finish_us[static_cast<size_t>(graph.edges[static_cast<size_t>(e)].from.v)]);
        const auto start_at = [&](int first) {
            return std::max(
                ready, *std::max_element(free_us.begin() + first, free_us.begin() + first + count));
        };
        int first = apart ? 0 : own.front();
        for (int f = 0; apart && f + count <= cores.total(); ++f)
            if (start_at(f) < start_at(first)) first = f;
        const double finish =
            start_at(first) +
            graph.tasks[static_cast<size_t>(t)].durations_us[static_cast<size_t>(count) - 1];
        std::fill_n(free_us.begin() + first, count, finish);
        finish_us[static_cast<size_t>(t)] = finish;
        std::vector<int> slots(static_cast<size_t>(count));
        std::iota(slots.begin(), slots.end(), first);
        sequence.push_back({t, std::move(slots)});
    }
    return schedule::replay(graph, links, cores, sequence);
}

schedule::Schedule on_one_core(const schedule::TaskGraph& graph, const schedule::Cores& cores) {
    const schedule::Links links(graph);
    std::vector<schedule::Choice> sequence;
    for (int t : links.order()) sequence.push_back({t, {0}});
    return schedule::replay(graph, links, cores, sequence);
}

schedule::Schedule on_all_cores(const schedule::TaskGraph& graph, const schedule::Cores& cores,
                                bool urgent_first) {
    const schedule::Links links(graph);
    std::vector<int> all(static_cast<size_t>(cores.total())), order(graph.tasks.size());
    std::iota(all.begin(), all.end(), 0);
    std::iota(order.begin(), order.end(), 0);
    if (urgent_first) {
        const std::vector<int> counts(graph.tasks.size(), cores.total());
        const std::vector<double> rank = schedule::upward_rank(graph, links, counts, 0);
        std::sort(order.begin(), order.end(), [&](int a, int b) {
            const double x = rank[static_cast<size_t>(a)], y = rank[static_cast<size_t>(b)];
            return x != y ? x > y
                          : links.position()[static_cast<size_t>(a)] <
                                links.position()[static_cast<size_t>(b)];
        });
    }
    std::vector<schedule::Choice> sequence;
    for (int t : order) sequence.push_back({t, all});
    return schedule::replay(graph, links, cores, sequence);
}

schedule::Schedule sample_per_core(const schedule::TaskGraph& graph, const schedule::Cores& cores,
                                   int samples) {
    const schedule::Links links(graph);
    const int threads = cores.total(), n = static_cast<int>(graph.tasks.size()) / samples;
    const int full = samples / threads * threads, left = samples - full;
    const auto runs_on = [&](int count) {
        return std::all_of(graph.tasks.begin(), graph.tasks.end(), [&](const schedule::Task& t) {
            return std::isfinite(t.durations_us[static_cast<size_t>(count) - 1]);
        });
    };
    int width = left > 0 ? threads / left : 1;
    while (width > 1 && !runs_on(width)) --width;
    std::vector<std::vector<schedule::Choice>> of_sample(static_cast<size_t>(samples));
    for (int t : links.order()) {
        const int s = t / n;
        std::vector<int> slots{s % threads};
        if (s >= full) {
            slots.resize(static_cast<size_t>(width));
            std::iota(slots.begin(), slots.end(), (s - full) * width);
        }
        of_sample[static_cast<size_t>(s)].push_back({t, std::move(slots)});
    }
    std::vector<schedule::Choice> sequence;
    for (std::vector<schedule::Choice>& own : of_sample)
        sequence.insert(sequence.end(), own.begin(), own.end());
    return schedule::replay(graph, links, cores, sequence);
}

}  // namespace smeaton::driver
