#include "driver/parallel.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <tuple>

#include "base/error.h"
#include "driver/here.h"
#include "driver/parallel_file.h"
#include "driver/tasks.h"
#include "machine/probe/cpu.h"
#include "run/copies.h"
#include "run/cpu.h"
#include "run/executor.h"
#include "run/plan_text.h"
#include "schedule/bounds.h"
#include "schedule/check.h"
#include "schedule/solve.h"

namespace smeaton::driver {

namespace {

using Clock = std::chrono::steady_clock;

// A schedule must gain this much to be taken: less is noise.
constexpr double kWorthwhile = 0.98;
// Runs of a plan while it is timed: as many as fit into the time, within these numbers.
constexpr int kFewestRuns = 3, kMostRuns = 40;
constexpr double kTimingSeconds = 0.6;
// Of one way to run before the others have their turn, where runs are short.
constexpr int kRunsOfATurn = 3;
constexpr double kLongRunUs = 50'000;
// How often the schedule of list is made again by what it took.
constexpr int kTimesAgain = 2;

double us_since(Clock::time_point begin) {
    return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}

// Whatever else runs on the machine only adds to a time.
double lower_quartile(std::vector<double> times) {
    const auto at = times.begin() + static_cast<long>(times.size() / 4);
    std::nth_element(times.begin(), at, times.end());
    return *at;
}

schedule::Solution solved(const schedule::TaskGraph& graph, int threads,
                          const std::string& algorithm) {
    schedule::SolveOptions options;
    options.algorithm = schedule::algorithm_named(algorithm);
    return schedule::solve(graph, schedule::cores_of_one_kind(threads), options, "--parallel");
}

}  // namespace

void check_parallel(const std::string& wanted) {
    if (wanted == "off") return;
    try {
        schedule::algorithm_named(wanted);
    } catch (const UserError&) {
        std::string all = "off";
#define X(enumerator, text) all += std::string(", ") + text;
        SMEATON_ALGORITHMS(X)
#undef X
        throw UserError("parallel '{}': expected one of {}", wanted, all);
    }
}

schedule::Schedule on_neighbours(const schedule::TaskGraph& graph, const schedule::Cores& cores,
                                 const schedule::Schedule& wanted) {
    const schedule::Links links(graph);
    std::vector<int> tasks(graph.tasks.size());
    std::iota(tasks.begin(), tasks.end(), 0);
    const auto key = [&](int t) {
        const schedule::Placed& p = wanted.tasks[static_cast<size_t>(t)];
        return std::tuple(p.start_us, p.finish_us, links.position()[static_cast<size_t>(t)]);
    };
    std::sort(tasks.begin(), tasks.end(), [&](int a, int b) { return key(a) < key(b); });
    std::vector<double> free_us(static_cast<size_t>(cores.total()), 0);
    std::vector<double> finish_us(graph.tasks.size(), 0);
    std::vector<schedule::Choice> sequence;
    for (int t : tasks) {
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

Arrangement arrangement_of(const ParallelChoice& choice) {
    Arrangement out;
    if (choice.method == "serial") return out;
    const schedule::Links links(choice.graph);
    const std::vector<schedule::Placed>& tasks = choice.schedule.tasks;
    out.threads = choice.threads;
    out.order.resize(tasks.size());
    std::iota(out.order.begin(), out.order.end(), 0);
    const auto key = [&](int t) {
        const schedule::Placed& p = tasks[static_cast<size_t>(t)];
        return std::tuple(p.start_us, p.finish_us, links.position()[static_cast<size_t>(t)]);
    };
    std::sort(out.order.begin(), out.order.end(), [&](int a, int b) { return key(a) < key(b); });
    for (const schedule::Placed& p : tasks)
        out.teams.push_back({p.cores.front(), static_cast<int>(p.cores.size())});
    return out;
}

namespace {

/// A plan with memory of its own to run in.
class Trial {
public:
    Trial(const ParallelSubject& subject, run::Plan plan, int copies) {
        const int outputs_from = static_cast<int>(subject.inputs.size());
        const int externals = plan.externals / copies, states = plan.states / copies;
        externals_.resize(static_cast<size_t>(plan.externals));
        std::vector<void*> own_states(static_cast<size_t>(plan.states));
        for (const run::PlanBuffer& b : plan.buffers) {
            if (b.place == run::PlanBuffer::Place::External) {
                const int e = static_cast<int>(b.at) % externals;
                externals_[static_cast<size_t>(b.at)] =
                    e < outputs_from ? subject.inputs[static_cast<size_t>(e)] : room(b.bytes);
            } else if (b.place == run::PlanBuffer::Place::State) {
                void* own = own_states[static_cast<size_t>(b.at)] = room(b.bytes);
                const void* now = subject.states[static_cast<size_t>(b.at % states)];
                std::memcpy(own, now, static_cast<size_t>(b.bytes));
            }
        }
        executor_ = std::make_unique<run::Executor>(run::link(std::move(plan), subject.symbols),
                                                    subject.pool, std::move(own_states));
    }

    double run_us() {
        const Clock::time_point begin = Clock::now();
        executor_->run(externals_);
        return us_since(begin);
    }
    void run_timed(std::vector<int64_t>& step_ns) { executor_->run_timed(externals_, step_ns); }

private:
    void* room(int64_t bytes) {
        memory_.emplace_back(std::max<int64_t>(bytes, 1));
        return memory_.back().data();
    }

    std::vector<run::Block> memory_;
    std::vector<void*> externals_;
    std::unique_ptr<run::Executor> executor_;
};

class Choosing {
public:
    explicit Choosing(const ParallelSubject& subject)
        : subject_(subject), threads_(subject.pool->threads()) {
        choice_.wanted = subject.wanted;
        choice_.method = "serial";
        choice_.threads = threads_;
        choice_.cpu =
            fmt::format("{}, {} cores", machine::cpu_features().model, run::usable_cores());
    }

    ParallelChoice choose() {
        if (threads_ == 1) return serial("one thread: nothing can run beside another kernel");
        choice_.graph = kernel_tasks(subject_.program);
        if (is_chain()) return serial("each kernel needs what the one before it made");
        for (schedule::Edge& e : choice_.graph.edges) e.cost_us = message_us(machine(), e.bytes);
        const run::Plan plan = make_plan(subject_.program, subject_.emitted).plan;
        const ParallelFile file(subject_.cache_folder, run::print(plan), subject_.emitted.units,
                                choice_);
        if (std::optional<ParallelChoice> known = file.read(choice_); known && holds(*known))
            return *std::move(known);
        if (subject_.progress) subject_.progress("tune", 0);
        time_steps(plan);
        set_bounds(choice_);
        decide(plan);
        if (subject_.progress) subject_.progress("tune", 1);
        file.write(choice_);
        return std::move(choice_);
    }

private:
    ParallelChoice serial(const std::string& why) {
        choice_.why = why;
        choice_.graph = {};
        return std::move(choice_);
    }

    const machine::Machine& machine() {
        if (!machine_) machine_ = machine_here({subject_.cache_folder, false, subject_.progress});
        return *machine_;
    }

    // Whether the edges alone put all tasks into one line.
    bool is_chain() const {
        std::vector<bool> follows(choice_.graph.tasks.size(), false);
        for (const schedule::Edge& e : choice_.graph.edges)
            if (e.to.v == e.from.v + 1) follows[static_cast<size_t>(e.to.v)] = true;
        return std::count(follows.begin(), follows.end(), false) <= 1;
    }

    schedule::Cores cores() const { return schedule::cores_of_one_kind(threads_); }

    bool holds(const ParallelChoice& known) const {
        return known.tried.empty() ||
               schedule::check(known.graph, cores(), known.schedule).faults.empty();
    }

    void poll() const {
        if (subject_.poll) subject_.poll();
    }

    // Each step on k threads, while as many copies as there is room for run beside it: what its
    // team would have from memory, caches and units that cores share.
    void time_steps(const run::Plan& plan) {
        for (schedule::Task& task : choice_.graph.tasks)
            task.durations_us.assign(static_cast<size_t>(threads_),
                                     std::numeric_limits<double>::infinity());
        for (int k = 1; k <= threads_; k = std::max(k + 1, std::min(2 * k, threads_)))
            time_steps_on(plan, k);
    }

    void time_steps_on(const run::Plan& plan, int k) {
        const int copies = threads_ / k;
        const size_t n = plan.steps.size();
        run::Plan beside = run::copies_of(plan, copies);
        for (size_t i = 0; i < beside.steps.size(); ++i)
            beside.steps[i].team = {static_cast<int>(i / n) * k, k};
        Trial trial(subject_, std::move(beside), copies);
        std::vector<std::vector<double>> us(n);
        std::vector<int64_t> ns;
        trial.run_timed(ns);
        const Clock::time_point begin = Clock::now();
        for (int r = 0; more(r, begin); ++r) {
            trial.run_timed(ns);
            for (size_t i = 0; i < ns.size(); ++i)
                us[i % n].push_back(static_cast<double>(ns[i]) * 1e-3);
        }
        for (size_t i = 0; i < n; ++i)
            choice_.graph.tasks[i].durations_us[static_cast<size_t>(k) - 1] =
                lower_quartile(std::move(us[i]));
    }

    bool more(int runs, Clock::time_point begin) const {
        poll();
        return runs < kFewestRuns || (runs < kMostRuns && us_since(begin) < kTimingSeconds * 1e6);
    }

    // By the times that its own schedule goes by.
    void set_bounds(ParallelChoice& of) const {
        const schedule::Links links(of.graph);
        double serial = 0;
        for (const schedule::Task& t : of.graph.tasks) serial += t.durations_us.back();
        const schedule::Bounds b = schedule::lower_bounds(of.graph, links, cores(), serial);
        of.bound_us = b.best_us();
        of.critical_path_us = b.critical_path_us;
        of.work_us = b.work_us;
    }

    // By the times that `known` has.
    ParallelChoice scheduled(const ParallelChoice& known, const std::string& algorithm) const {
        ParallelChoice out = known;
        out.method = out.tried = algorithm;
        set_bounds(out);
        out.schedule =
            on_neighbours(out.graph, cores(), solved(out.graph, threads_, algorithm).schedule);
        const schedule::CheckResult check = schedule::check(out.graph, cores(), out.schedule);
        SMEATON_CHECK(check.faults.empty(), "the schedule of {}: {}", algorithm,
                      check.faults.front());
        return out;
    }

    std::unique_ptr<Trial> trial_of(const ParallelChoice& way) const {
        run::Plan plan =
            make_plan(subject_.program, subject_.emitted, {arrangement_of(way), {}}).plan;
        return std::make_unique<Trial>(subject_, std::move(plan), 1);
    }

    // The schedule again, by what its tasks on one thread took where it put them: what they read
    // may lie in another core's cache.
    ParallelChoice again(const ParallelChoice& way) const {
        const std::unique_ptr<Trial> trial = trial_of(way);
        std::vector<std::vector<double>> us(way.graph.tasks.size());
        std::vector<int64_t> ns;
        trial->run_timed(ns);
        const Clock::time_point begin = Clock::now();
        for (int r = 0; more(r, begin); ++r) {
            trial->run_timed(ns);
            for (size_t i = 0; i < ns.size(); ++i)
                us[i].push_back(static_cast<double>(ns[i]) * 1e-3);
        }
        ParallelChoice known = way;
        for (size_t i = 0; i < us.size(); ++i)
            if (way.schedule.tasks[i].cores.size() == 1)
                known.graph.tasks[i].durations_us[0] = lower_quartile(std::move(us[i]));
        return scheduled(known, way.tried);
    }

    std::vector<ParallelChoice> ways() const {
        const bool automatic = subject_.wanted == "auto";
        std::vector<ParallelChoice> all = {
            scheduled(choice_, automatic ? "list" : subject_.wanted)};
        for (int n = 0; automatic && n < kTimesAgain; ++n) all.push_back(again(all.back()));
        if (automatic) all.push_back(scheduled(choice_, "linear"));
        return all;
    }

    // All ways by turns, so that what else happens on the machine happens to all; the first run of
    // a turn fetches what the others drove out of the caches.
    void decide(const run::Plan& plan) {
        std::vector<ParallelChoice> tried = ways();
        std::vector<std::unique_ptr<Trial>> trials;
        trials.push_back(std::make_unique<Trial>(subject_, plan, 1));
        for (const ParallelChoice& way : tried) trials.push_back(trial_of(way));
        std::vector<std::vector<double>> us(trials.size());
        const int turn = trials[0]->run_us() < kLongRunUs ? kRunsOfATurn : 1;
        const Clock::time_point begin = Clock::now();
        for (int r = 0; more(r, begin); ++r)
            for (size_t i = 0; i < trials.size(); ++i) {
                trials[i]->run_us();
                for (int n = 0; n < turn; ++n) us[i].push_back(trials[i]->run_us());
            }
        const double serial_us = lower_quartile(us[0]);
        double linear_us = 0;
        size_t best = 0;
        for (size_t i = 0; i < tried.size(); ++i) {
            tried[i].scheduled_us = lower_quartile(us[i + 1]);
            if (tried[i].tried == "linear") linear_us = tried[i].scheduled_us;
            if (tried[i].scheduled_us < tried[best].scheduled_us) best = i;
        }
        choice_ = std::move(tried[best]);
        choice_.serial_us = serial_us;
        choice_.linear_us = linear_us;
        if (subject_.wanted == "auto" && choice_.scheduled_us > kWorthwhile * serial_us)
            choice_.method = "serial";
    }

    const ParallelSubject& subject_;
    const int threads_;
    std::optional<machine::Machine> machine_;
    ParallelChoice choice_;
};

}  // namespace

ParallelChoice choose_arrangement(const ParallelSubject& subject) {
    return Choosing(subject).choose();
}

}  // namespace smeaton::driver
