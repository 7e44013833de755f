#include "driver/parallel/parallel.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <span>

#include "base/error.h"
#include "driver/here.h"
#include "driver/parallel/file.h"
#include "driver/parallel/mix.h"
#include "driver/parallel/plan.h"
#include "driver/parallel/race.h"
#include "driver/parallel/tasks.h"
#include "driver/parallel/trial.h"
#include "machine/probe/cpu.h"
#include "run/copies.h"
#include "run/cpu.h"
#include "run/energy.h"
#include "run/plan_text.h"
#include "schedule/bounds.h"
#include "schedule/check.h"
#include "schedule/solve.h"

namespace smeaton::driver {

namespace {

using Clock = std::chrono::steady_clock;

// A schedule must have shown that it gains more than this, to be taken.
constexpr double kWorthwhile = 0.99;
constexpr double kRaceSeconds = 2.0;
// The more rounds, the smaller a gain that shows among them.
constexpr double kLastRaceSeconds = 5.0;
constexpr double kTurnSeconds = 0.01;
constexpr int kFewestLastRounds = 7;  // six suffice to show a gain where all agree
constexpr int kRunsOfALastTurn = 3;
// A choice that a busy machine left more uncertain than this is made anew, a few times at most.
constexpr double kUncertain = 0.02;
// As is one whose threads were in each other's way by more than this: a virtual machine may have
// had less than a core for each.
constexpr double kCrowded = 1.5;
constexpr int kMostTimings = 3;
// Runs of a plan while it is timed: as many as fit into the time, within these numbers.
constexpr int kFewestRuns = 3, kMostRuns = 40;
constexpr double kTimingSeconds = 0.6;
// Of one way to run before the others have their turn, where runs are short.
constexpr int kRunsOfATurn = 4;
constexpr double kLongRunUs = 50'000;
// How often the schedule of list is made again by what it took.
constexpr int kTimesAgain = 2;
// `auto` does not time what its plan says takes so much longer than one kernel after another.
constexpr double kHopeless = 1.5;
// The counters of energy move about every millisecond.
constexpr double kEnergySeconds = 0.3;

double seconds_since(Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Whatever else runs on the machine only adds to a time.
double lower_quartile(std::vector<double> times) {
    const auto at = times.begin() + static_cast<long>(times.size() / 4);
    std::nth_element(times.begin(), at, times.end());
    return *at;
}

}  // namespace

void check_parallel(const std::string& wanted, int samples, const std::string& hyper) {
    if (samples < 1) throw UserError("batch {}: expected 1 sample or more", samples);
    if (!hyper.empty() && hyper != "plain" && hyper != "switched")
        throw UserError("hyper '{}': expected plain or switched", hyper);
    if (!hyper.empty() && wanted != "linear" && wanted != "auto")
        throw UserError("hyper '{}': hyperclusters are made by parallel linear or auto, not {}",
                        hyper, wanted);
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

namespace {

class Choosing {
public:
    explicit Choosing(const ParallelSubject& subject)
        : subject_(subject), threads_(subject.pool->threads()) {
        choice_.wanted = subject.wanted;
        choice_.hyper = subject.hyper;
        choice_.method = "serial";
        choice_.threads = threads_;
        choice_.samples = subject.samples;
        choice_.cpu =
            fmt::format("{}, {} cores", machine::cpu_features().model, run::usable_cores());
    }

    ParallelChoice choose() {
        if (threads_ == 1) return serial("one thread: nothing can run beside another kernel");
        base_ = kernel_tasks(subject_.program);
        if (base_.tasks.empty()) return serial("no kernel runs");
        if (is_chain() && subject_.samples == 1 && !automatic())
            return serial("each kernel needs what the one before it made");
        for (schedule::Edge& e : base_.edges) e.cost_us = message_us(machine(), e.bytes);
        choice_.graph = schedule::samples_of(base_, subject_.samples);
        const run::Plan plan = make_plan(subject_.program, subject_.emitted).plan;
        const ParallelFile file(subject_.cache_folder, run::print(plan), subject_.emitted.units,
                                choice_);
        std::optional<ParallelChoice> known = file.read(choice_);
        if (known && !holds(*known)) known.reset();
        if (known && is_final(*known)) return *std::move(known);
        if (subject_.progress) subject_.progress("tune", 0);
        time_steps(plan);
        choice_.graph = schedule::samples_of(base_, subject_.samples);
        set_bounds(choice_);
        decide(plan);
        if (subject_.progress) subject_.progress("tune", 1);
        keep_the_more_certain(known);
        file.write(choice_);
        return std::move(choice_);
    }

private:
    void keep_the_more_certain(std::optional<ParallelChoice>& known) {
        const int timings = known ? known->timings + 1 : 1;
        const auto doubt = [](const ParallelChoice& c) {
            return std::pair(std::max(c.crowding, kCrowded), c.uncertainty);
        };
        if (known && doubt(*known) < doubt(choice_)) choice_ = *std::move(known);
        choice_.timings = timings;
    }

    bool automatic() const { return subject_.wanted == "auto"; }

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
        std::vector<bool> follows(base_.tasks.size(), false);
        for (const schedule::Edge& e : base_.edges)
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
        for (schedule::Task& task : base_.tasks)
            task.durations_us.assign(static_cast<size_t>(threads_),
                                     std::numeric_limits<double>::infinity());
        for (int k = 1; k <= threads_; k = std::max(k + 1, std::min(2 * k, threads_)))
            time_steps_on(plan, k);
        run::Plan alone = plan;
        for (run::PlanStep& step : alone.steps) step.team = {0, 1};
        Trial trial(subject_, std::move(alone), 1);
        for (const std::vector<double>& us : step_times(trial, plan.steps.size()))
            alone_us_.push_back(lower_quartile(us));
        double beside_us = 0;
        for (const schedule::Task& task : base_.tasks) beside_us += task.durations_us[0];
        choice_.crowding =
            beside_us / std::max(1e-3, std::reduce(alone_us_.begin(), alone_us_.end()));
    }

    void time_steps_on(const run::Plan& plan, int k) {
        const int copies = threads_ / k;
        const size_t n = plan.steps.size();
        run::Plan beside = run::copies_in_turn(plan, copies, k);
        Trial trial(subject_, std::move(beside), copies);
        const std::vector<std::vector<double>> us = step_times(trial, n);
        for (size_t i = 0; i < n; ++i)
            base_.tasks[i].durations_us[static_cast<size_t>(k) - 1] = lower_quartile(us[i]);
    }

    // The times of each step of so many; those of copies together.
    std::vector<std::vector<double>> step_times(Trial& trial, size_t steps) const {
        std::vector<std::vector<double>> us(steps);
        std::vector<int64_t> ns;
        trial.run_timed(ns);
        const Clock::time_point begin = Clock::now();
        for (int r = 0; more(r, begin); ++r) {
            trial.run_timed(ns);
            for (size_t i = 0; i < ns.size(); ++i)
                us[i % steps].push_back(static_cast<double>(ns[i]) * 1e-3);
        }
        return us;
    }

    bool more(int runs, Clock::time_point begin) const {
        poll();
        return runs < kFewestRuns || (runs < kMostRuns && seconds_since(begin) < kTimingSeconds);
    }

    // By the times that its own schedule goes by, or what a kernel takes on one thread while the
    // others rest, where that is less: beside one that leaves memory to it, it may come near that.
    void set_bounds(ParallelChoice& of) const {
        const schedule::TaskGraph fastest = undisturbed(of.graph);
        const schedule::Links links(fastest);
        const schedule::Bounds b =
            schedule::lower_bounds(fastest, links, cores(), predicted_serial_us(fastest));
        of.bound_us = b.best_us();
        of.critical_path_us = b.critical_path_us;
        of.work_us = b.work_us;
    }

    schedule::TaskGraph undisturbed(schedule::TaskGraph graph) const {
        for (size_t t = 0; t < graph.tasks.size(); ++t) {
            double& one = graph.tasks[t].durations_us[0];
            one = std::min(one, alone_us_[t % alone_us_.size()]);
        }
        return graph;
    }

    static double predicted_serial_us(const schedule::TaskGraph& graph) {
        double us = 0;
        for (const schedule::Task& t : graph.tasks) us += t.durations_us.back();
        return us;
    }

    // ---- ways to run ---------------------------------------------------------------------------

    ParallelChoice way(const ParallelChoice& known, const std::string& method,
                       schedule::Schedule schedule, const std::string& hyper = "") const {
        ParallelChoice out = known;
        out.method = out.tried = method;
        out.hyper = hyper;
        set_bounds(out);
        out.schedule = std::move(schedule);
        const schedule::CheckResult check = schedule::check(out.graph, cores(), out.schedule);
        SMEATON_CHECK(check.faults.empty(), "the schedule of {}: {}", method, check.faults.front());
        return out;
    }

    // By the times that `known` has.
    ParallelChoice scheduled(const ParallelChoice& known, const std::string& algorithm) const {
        schedule::SolveOptions options;
        options.algorithm = schedule::algorithm_named(algorithm);
        const schedule::Schedule found =
            schedule::solve(known.graph, cores(), options, "--parallel").schedule;
        return way(known, algorithm, on_neighbours(known.graph, cores(), found));
    }

    // Ramiel's clusters of one sample, and the samples through them.
    ParallelChoice linear(const std::string& hyper) const {
        schedule::SolveOptions options;
        options.algorithm = schedule::Algorithm::Linear;
        options.samples = subject_.samples;
        if (hyper == "switched") options.hyper = schedule::Hyper::Switched;
        const schedule::Schedule found =
            schedule::solve(base_, cores(), options, "--parallel").schedule;
        return way(choice_, "linear", on_neighbours(choice_.graph, cores(), found),
                   subject_.samples > 1 ? hyper : "");
    }

    std::unique_ptr<Trial> trial_of(const ParallelChoice& way) const {
        return std::make_unique<Trial>(subject_, plan_of(subject_.program, subject_.emitted, way),
                                       subject_.samples);
    }

    // The schedule again, by what its tasks on one thread took where it put them: what they read
    // may lie in another core's cache.
    ParallelChoice again(const ParallelChoice& way) const {
        const std::unique_ptr<Trial> trial = trial_of(way);
        const std::vector<std::vector<double>> us = step_times(*trial, way.graph.tasks.size());
        ParallelChoice known = way;
        for (size_t i = 0; i < us.size(); ++i)
            if (way.schedule.tasks[i].cores.size() == 1)
                known.graph.tasks[i].durations_us[0] = lower_quartile(us[i]);
        return scheduled(known, way.tried);
    }

    TracedWay traced(const ParallelChoice& way, Trial& trial) const {
        TracedWay out{way.schedule, {}};
        trial.run_us();
        const Clock::time_point begin = Clock::now();
        for (int r = 0; more(r, begin); ++r)
            out.end_us.push_back(trial.ends_us(way.graph.tasks.size()));
        return out;
    }

    // The best parts of one kernel after another and of all ways so far.
    ParallelChoice mix(const run::Plan& plan, const std::vector<ParallelChoice>& all) const {
        std::vector<TracedWay> ways;
        const ParallelChoice serial = way(choice_, "mixed", on_all_cores(choice_.graph, cores()));
        Trial trial(subject_, plan, 1);
        ways.push_back(traced(serial, trial));
        for (const ParallelChoice& other : all) ways.push_back(traced(other, *trial_of(other)));
        return way(choice_, "mixed", mixed(choice_.graph, cores(), ways));
    }

    std::vector<std::string> hyper_forms() const {
        if (!subject_.hyper.empty()) return {subject_.hyper};
        if (automatic() && subject_.samples > 1) return {"plain", "switched"};
        return {"plain"};
    }

    std::vector<ParallelChoice> ways(const run::Plan& plan) const {
        std::vector<ParallelChoice> all;
        if (!automatic()) {
            all.push_back(subject_.wanted == "linear" ? linear(hyper_forms().front())
                                                      : scheduled(choice_, subject_.wanted));
            return all;
        }
        if (subject_.samples == 1)
            all.push_back(way(choice_, "one_thread", on_one_core(choice_.graph, cores())));
        else
            all.push_back(way(choice_, "sample_per_core",
                              sample_per_core(choice_.graph, cores(), subject_.samples)));
        if (!is_chain() && subject_.samples == 1)
            for (bool urgent_first : {false, true})
                all.push_back(way(choice_, "all_threads",
                                  on_all_cores(choice_.graph, cores(), urgent_first)));
        if (!is_chain() || subject_.samples > 1) {
            all.push_back(scheduled(choice_, "list"));
            for (int n = 0; n < kTimesAgain; ++n) all.push_back(again(all.back()));
            // Kernels that wait for memory may gain beside others that do not, which times among
            // copies of themselves do not show.
            ParallelChoice known = choice_;
            known.graph = undisturbed(known.graph);
            all.push_back(again(scheduled(known, "list")));
            for (const std::string& form : hyper_forms()) all.push_back(linear(form));
        }
        if (subject_.samples == 1 && !is_chain()) all.push_back(mix(plan, all));
        if (all.size() == 1) return all;
        const double most_us = kHopeless * predicted_serial_us(choice_.graph);
        std::erase_if(all, [&](const ParallelChoice& way) {
            return way.method != "linear" && schedule::makespan_us(way.schedule) > most_us;
        });
        return all;
    }

    // ---- what is taken -------------------------------------------------------------------------

    void decide(const run::Plan& plan) {
        std::vector<ParallelChoice> tried = ways(plan);
        const std::vector<Raced> all = first_race(plan, tried);
        const std::vector<size_t> entrants = entrants_of(all, tried);
        const std::vector<Raced> last = last_race(plan, tried, entrants);
        // Everything by the serial time of the last race.
        std::vector<TriedWay> ways = {{"serial", "", last[0].us}};
        for (size_t i = 0; i < tried.size(); ++i)
            ways.push_back({tried[i].tried, tried[i].hyper, all[i + 1].ratio * last[0].us});
        for (size_t e = 0; e < entrants.size(); ++e) ways[entrants[e]].us = last[e].us;
        take_energy(plan, tried, ways);
        const size_t best = best_rival(last);
        take(std::move(tried[entrants[best] - 1]), std::move(ways), last[best]);
        if (automatic() && winner(last, kWorthwhile) == 0) choice_.method = "serial";
    }

    // Way 0 is one kernel after another.
    run::Plan plan_of_way(const run::Plan& plan, const std::vector<ParallelChoice>& tried,
                          size_t way) const {
        return way == 0 ? plan : plan_of(subject_.program, subject_.emitted, tried[way - 1]);
    }
    std::unique_ptr<Trial> open(run::Plan plan, size_t way) const {
        if (way == 0)
            return std::make_unique<Trial>(subject_, std::move(plan), 1, subject_.samples);
        return std::make_unique<Trial>(subject_, std::move(plan), subject_.samples);
    }

    // Of all, to find the best. The first run of a turn fetches what the others drove out of the
    // caches; of the rest the shortest counts: whatever else runs on the machine only adds to a
    // time.
    std::vector<Raced> first_race(const run::Plan& plan,
                                  const std::vector<ParallelChoice>& tried) const {
        if (tried.size() == 1) return std::vector<Raced>(2);  // the best of one
        std::vector<std::unique_ptr<Trial>> trials;
        for (size_t way = 0; way <= tried.size(); ++way)
            trials.push_back(open(plan_of_way(plan, tried, way), way));
        const int runs = trials[0]->run_us() < kLongRunUs ? kRunsOfATurn : 1;
        return race(trials.size(),
                    [&](size_t way) {
                        poll();
                        trials[way]->run_us();
                        double us = trials[way]->run_us();
                        for (int n = 1; n < runs; ++n) us = std::min(us, trials[way]->run_us());
                        return us;
                    },
                    {.seconds = kRaceSeconds});
    }

    // The best, and of those that may be it the next and Ramiel's clusters.
    static std::vector<size_t> entrants_of(const std::vector<Raced>& all,
                                           const std::vector<ParallelChoice>& tried) {
        std::vector<size_t> rivals(all.size() - 1);
        std::iota(rivals.begin(), rivals.end(), size_t{1});
        std::stable_sort(rivals.begin(), rivals.end(),
                         [&](size_t a, size_t b) { return all[a].ratio < all[b].ratio; });
        const Raced& best = all[rivals[0]];
        std::vector<size_t> entrants = {0, rivals[0]};
        bool linear = tried[rivals[0] - 1].tried == "linear";
        for (size_t way : std::span(rivals).subspan(1)) {
            if (all[way].ratio - all[way].uncertainty > best.ratio + best.uncertainty) continue;
            const bool first_linear = !linear && tried[way - 1].tried == "linear";
            if (way == rivals[1] || first_linear) entrants.push_back(way);
            linear |= first_linear;
        }
        return entrants;
    }

    // To show what they gain. Each turn in memory of its own, as a session has it: where buffers
    // lie changes what a run takes, and must not be what a choice is made by.
    std::vector<Raced> last_race(const run::Plan& plan, const std::vector<ParallelChoice>& tried,
                                 const std::vector<size_t>& entrants) const {
        std::vector<run::Plan> plans;
        for (size_t way : entrants) plans.push_back(plan_of_way(plan, tried, way));
        RaceOptions options;
        options.fewest_rounds = kFewestLastRounds;
        options.seconds = automatic() ? kLastRaceSeconds : kTimingSeconds;
        return race(
            entrants.size(),
            [&](size_t e) {
                poll();
                return usual_us(*open(plans[e], entrants[e]));
            },
            options);
    }

    // The median of a turn: what a caller gets, waiting for threads included.
    static double usual_us(Trial& trial) {
        const int fewest = trial.run_us() < kLongRunUs ? kRunsOfALastTurn : 1;
        std::vector<double> us;
        const Clock::time_point begin = Clock::now();
        while (static_cast<int>(us.size()) < fewest || seconds_since(begin) < kTurnSeconds)
            us.push_back(trial.run_us());
        const auto middle = us.begin() + static_cast<long>(us.size() / 2);
        std::nth_element(us.begin(), middle, us.end());
        return *middle;
    }

    void take_energy(const run::Plan& plan, const std::vector<ParallelChoice>& tried,
                     std::vector<TriedWay>& ways) {
        run::EnergyMeter meter;
        (meter.works() ? choice_.energy_of : choice_.energy_missing) = meter.about();
        if (!meter.works()) return;
        for (size_t i = 0; i < ways.size(); ++i) {
            const std::unique_ptr<Trial> trial = open(plan_of_way(plan, tried, i), i);
            trial->run_us();
            meter.start();
            const Clock::time_point begin = Clock::now();
            int runs = 0;
            for (; runs < kFewestRuns || seconds_since(begin) < kEnergySeconds; ++runs)
                trial->run_us();
            ways[i].joules = meter.joules() / runs;
            poll();
        }
    }

    void take(ParallelChoice chosen, std::vector<TriedWay> ways, const Raced& raced) {
        chosen.linear_us = 0;
        for (const TriedWay& way : ways)
            if (way.method == "linear")
                chosen.linear_us =
                    chosen.linear_us > 0 ? std::min(chosen.linear_us, way.us) : way.us;
        chosen.serial_us = ways.front().us;
        chosen.scheduled_us = raced.us;
        chosen.uncertainty = raced.upper - raced.ratio;
        chosen.ways = std::move(ways);
        chosen.energy_of = choice_.energy_of;
        chosen.energy_missing = choice_.energy_missing;
        choice_ = std::move(chosen);
    }

    const ParallelSubject& subject_;
    const int threads_;
    std::optional<machine::Machine> machine_;
    schedule::TaskGraph base_;      // of one sample
    std::vector<double> alone_us_;  // by its tasks: on one thread, the others at rest
    ParallelChoice choice_;
};

}  // namespace

bool is_final(const ParallelChoice& c) {
    return c.wanted != "auto" || c.timings >= kMostTimings ||
           (c.uncertainty <= kUncertain && c.crowding <= kCrowded);
}

ParallelChoice choose_arrangement(const ParallelSubject& subject) {
    return Choosing(subject).choose();
}

}  // namespace smeaton::driver
