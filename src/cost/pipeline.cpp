#include "cost/pipeline.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "cost/line_rates.h"
#include "cost/repeats.h"

namespace smeaton::cost {
namespace {

/// The engines' streams in time.
class Run {
public:
    Run(const Streams& streams, const Demands& demands)
        : streams_(streams), demands_(demands), rates_(demands.lines()), repeats_(streams) {
        const size_t tasks = streams.tasks.size();
        s_.engines.resize(streams.streams.size());
        for (EngineState& e : s_.engines) {
            for (auto* values : {&e.value, &e.begin, &e.end})
                values->resize(static_cast<size_t>(streams.axes));
            e.before.resize(tasks);
        }
        s_.done.resize(tasks);
        s_.runs.resize(tasks);
        s_.later_runs.resize(tasks);
        s_.chained_ns.resize(tasks);
        s_.seen_ns.resize(tasks);
        s_.opened.resize(static_cast<size_t>(streams.tiles));
        s_.left.resize(streams.users.size());
        s_.left_early.resize(streams.users.size());
        s_.lines.resize(demands.lines().size());
        for (const Task& task : streams.tasks) {
            size_t slacks = task.waits.size();
            for (const Room& room : task.rooms) slacks += room.users.size();
            s_.slacks.emplace_back(slacks);
            first_flow_.push_back(static_cast<int>(flows_.size()));
            for (const Flow& flow : task.demand.flows) flows_.push_back(&flow);
        }
    }

    void run() {
        for (size_t e = 0; e < s_.engines.size(); ++e) advance(e);
        while (true) {
            start_all();
            settle();
            if (add_repeats()) continue;
            const double next = next_ns();
            if (next < kNever)
                go_to(next);
            else if (!pass_barrier())
                break;
        }
        for (size_t e = 0; e < s_.engines.size(); ++e)
            SMEATON_CHECK(item(e).kind == Item::kStop, "a pipeline stands still before its end");
    }

    Pipeline result() {
        Pipeline p;
        p.time_ns = last_ns_;
        const Use* longest = nullptr;
        auto look = [&](const Use& use, const std::string& name) {
            if (use.busy_ns <= 0 || (longest && use.busy_ns <= longest->busy_ns)) return;
            longest = &use;
            p.station = name;
        };
        for (size_t e = 0; e < s_.engines.size(); ++e)
            look(s_.engines[e].use,
                 demands_.engines()[static_cast<size_t>(streams_.streams[e].engine)]);
        add_line_work();
        for (size_t l = 0; l < s_.lines.size(); ++l) look(s_.lines[l], demands_.lines()[l].name);
        if (!longest) return p;
        p.before_ns = longest->first_ns;
        p.busy_ns = longest->busy_ns;
        p.idle_ns = longest->end_ns - longest->first_ns - longest->busy_ns;
        p.after_ns = last_ns_ - longest->end_ns;
        return p;
    }

private:
    const Item& item(size_t engine) const {
        return streams_.streams[engine].items[s_.engines[engine].at];
    }
    const Task& task(int index) const { return streams_.tasks[static_cast<size_t>(index)]; }
    /// Moments nearer than this are one.
    double near_ns() const { return 1e-6 + 1e-12 * s_.now_ns; }

    // ---- along the streams ----

    /// To the next task, or what stops the engine.
    void advance(size_t engine) {
        EngineState& e = s_.engines[engine];
        const Stream& stream = streams_.streams[engine];
        for (;; ++e.at) {
            const Item& next = stream.items[e.at];
            switch (next.kind) {
                case Item::kTask:
                case Item::kBarrier:
                case Item::kStop:
                    return;
                case Item::kLoop:
                    enter(e, next);
                    break;
                case Item::kEnd:
                    turn(e, next);
                    break;
                case Item::kOpen:
                    ++s_.opened[static_cast<size_t>(next.index)];
                    break;
                case Item::kLast:
                    leave_early(e, stream.lasts[static_cast<size_t>(next.index)]);
                    break;
                case Item::kLeave:
                    if (s_.left_early[static_cast<size_t>(next.index)])
                        s_.left_early[static_cast<size_t>(next.index)] = false;
                    else if (e.task >= 0 && touches(next.index, e.task))
                        e.leaves.push_back(next.index);
                    else
                        part_left(e, next.index);
                    break;
                case Item::kCount:
                    for (const auto& [index, times] :
                         stream.counts[static_cast<size_t>(next.index)])
                        e.before[static_cast<size_t>(index)] += times;
                    break;
                case Item::kCountOf:
                    count(e, stream, *next.loop);
                    break;
            }
        }
    }

    /// Behind the task at hand its user touches the part no more.
    void leave_early(EngineState& e, const LastTouch& last) {
        if (std::any_of(last.axes.begin(), last.axes.end(), [&](int a) {
                const auto axis = static_cast<size_t>(a);
                return e.value[axis] + 1 < e.end[axis];
            }))
            return;
        e.leaves.push_back(last.user);
        s_.left_early[static_cast<size_t>(last.user)] = true;
    }

    void enter(EngineState& e, const Item& loop) {
        const auto axis = static_cast<size_t>(loop.index);
        const auto [begin, end] = range_of(*loop.loop, e.value);
        if (begin >= end) {
            e.at = static_cast<size_t>(loop.other);
            return;
        }
        e.begin[axis] = e.value[axis] = begin;
        e.end[axis] = end;
        if (loop.turns) repeats_.forget(loop.index);
    }

    void turn(EngineState& e, const Item& end) {
        const auto axis = static_cast<size_t>(end.index);
        if (++e.value[axis] < e.end[axis]) {
            e.at = static_cast<size_t>(end.other);
            if (end.turns) turned_.push_back(end.loop);
        } else {
            e.value[axis] = e.begin[axis] = e.end[axis] = 0;
        }
    }

    void count(EngineState& e, const Stream& stream, const Step& step) {
        if (step.kind == Step::kTask && stream.counted[static_cast<size_t>(step.index)])
            ++e.before[static_cast<size_t>(step.index)];
        if (step.kind != Step::kLoop) return;
        int64_t& value = e.value[static_cast<size_t>(step.index)];
        const auto [begin, end] = range_of(step, e.value);
        for (value = begin; value < end; ++value)
            for (const Step& s : step.body) count(e, stream, s);
        value = 0;
    }

    /// All engines stand at the same one, and nothing goes on.
    bool pass_barrier() {
        bool passed = false;
        for (size_t e = 0; e < s_.engines.size(); ++e) {
            if (item(e).kind != Item::kBarrier) continue;
            passed = true;
            ++s_.engines[e].at;
            advance(e);
        }
        return passed;
    }

    /// Turns that are over since the last moment: do more go like them?
    bool add_repeats() {
        bool added = false;
        for (const Step* loop : turned_) added = added || repeats_.turn_over(*loop, s_);
        turned_.clear();
        return added;
    }

    // ---- tasks ----

    void start_all() {
        ++s_.moment;
        for (bool any = true; any;) {
            any = false;
            for (size_t e = 0; e < s_.engines.size(); ++e) any = start(e) || any;
        }
    }

    bool start(size_t engine) {
        EngineState& e = s_.engines[engine];
        const Item& next = item(engine);
        if (e.task >= 0 || next.kind != Item::kTask) return false;
        const double ready = ready_ns(e, next.index);
        e.wake_ns = ready > s_.now_ns + near_ns() ? ready : kNever;
        if (ready > s_.now_ns + near_ns()) return false;
        const Task& t = task(next.index);
        const bool later = t.ring >= 0 && e.beyond_first(t.ring);
        e.task = next.index;
        e.later = later;
        e.start_ns = s_.now_ns;
        e.worked_ns = s_.now_ns + t.demand.busy_ns;
        e.working = t.demand.busy_ns > 0;
        ++e.started;
        ++s_.runs[static_cast<size_t>(e.task)];
        if (later) ++s_.later_runs[static_cast<size_t>(e.task)];
        if (!e.working || !t.demand.in_turn) start_transfers(engine);
        ++e.at;
        advance(engine);
        if (!e.working && e.transfers == 0) leave(engine);
        return true;
    }

    /// When what the task waits for is there; never: somebody else has to come first.
    double ready_ns(const EngineState& e, int index) {
        const Task& t = task(index);
        std::vector<Slack>& slacks = s_.slacks[static_cast<size_t>(index)];
        double ns = 0;
        size_t i = 0;
        auto there = [&](int64_t executions) {
            Slack& slack = slacks[i];
            slack.executions = executions;
            slack.looked_at = s_.moment;
            if (executions < 0) slack.missed_at = s_.moment;
            return executions >= 0;
        };
        for (const Wait& w : t.waits) {
            const auto other = static_cast<size_t>(w.task);
            const bool holds = w.beyond_first.empty() ||
                               std::any_of(w.beyond_first.begin(), w.beyond_first.end(),
                                           [&](int axis) { return e.beyond_first(axis); });
            if (holds && w.same_engine) ns = std::max(ns, s_.chained_ns[other]);
            if (holds && !w.same_engine && !there(s_.done[other] - e.before[other])) return kNever;
            ++i;
        }
        for (const Room& room : t.rooms) {
            const int64_t needed = s_.opened[static_cast<size_t>(room.tile)] - room.parts;
            for (int user : room.users) {
                if (!there(s_.left[static_cast<size_t>(user)] - needed)) return kNever;
                ++i;
            }
        }
        return ns;
    }

    void start_transfers(size_t engine) {
        EngineState& e = s_.engines[engine];
        const Task& t = task(e.task);
        int id = first_flow_[static_cast<size_t>(e.task)];
        for (const Flow& flow : t.demand.flows) {
            const double bytes = flow.bytes * (e.later ? t.later_share : 1);
            if (bytes > 0) {
                s_.transfers.push_back({static_cast<int>(engine), id, bytes, 0, s_.now_ns});
                ++e.transfers;
                unsettled_ = true;
            }
            ++id;
        }
    }

    void leave(size_t engine) {
        EngineState& e = s_.engines[engine];
        const Demand& demand = task(e.task).demand;
        const double now = s_.now_ns;
        e.use.note(e.start_ns, now);
        e.use.busy_ns += now - e.start_ns;
        s_.chained_ns[static_cast<size_t>(e.task)] = std::max(now, e.start_ns + demand.latency_ns);
        s_.seen_ns[static_cast<size_t>(e.task)] = now + demand.latency_ns;
        come(e, {now + demand.latency_ns, e.task, -1});
        for (int user : task(e.task).leaves) part_left(e, user);
        for (int user : e.leaves) part_left(e, user);
        e.leaves.clear();
        e.task = -1;
    }

    bool touches(int user, int index) const {
        const std::vector<int>& tasks = streams_.users[static_cast<size_t>(user)].tasks;
        return std::find(tasks.begin(), tasks.end(), index) != tasks.end();
    }

    /// When all its touches are seen.
    void part_left(EngineState& e, int index) {
        const User& user = streams_.users[static_cast<size_t>(index)];
        double ns = 0;
        for (int t : user.tasks)
            ns = std::max(ns,
                          (user.same_engine ? s_.chained_ns : s_.seen_ns)[static_cast<size_t>(t)]);
        come(e, {ns, -1, index});
    }

    void come(EngineState& e, const Result& result) {
        if (result.seen_ns <= s_.now_ns) return see(result);
        auto at = e.results.end();
        while (at != e.results.begin() && std::prev(at)->seen_ns > result.seen_ns) --at;
        e.results.insert(at, result);
    }

    void see(const Result& result) {
        if (result.task >= 0) ++s_.done[static_cast<size_t>(result.task)];
        if (result.user >= 0) ++s_.left[static_cast<size_t>(result.user)];
        last_ns_ = s_.now_ns;
    }

    // ---- time ----

    void settle() {
        if (!unsettled_) return;
        unsettled_ = false;
        const std::vector<double>& rates = rates_of_transfers();
        for (size_t t = 0; t < rates.size(); ++t) s_.transfers[t].bytes_per_ns = rates[t];
    }

    /// Turn after turn the same transfers go side by side.
    const std::vector<double>& rates_of_transfers() {
        for (const Settled& known : settled_)
            if (std::equal(known.going.begin(), known.going.end(), s_.transfers.begin(),
                           s_.transfers.end(),
                           [](int id, const Transfer& t) { return id == t.id; }))
                return known.rates;
        std::vector<const Flow*> flows;
        Settled now;
        for (const Transfer& t : s_.transfers) {
            now.going.push_back(t.id);
            flows.push_back(flows_[static_cast<size_t>(t.id)]);
        }
        now.rates = rates_.of(flows);
        if (settled_.size() < kMostSettled) return settled_.emplace_back(std::move(now)).rates;
        oldest_ = (oldest_ + 1) % kMostSettled;
        return (settled_[oldest_] = std::move(now)).rates;
    }

    double next_ns() const {
        double next = kNever;
        for (const Transfer& t : s_.transfers)
            next = std::min(next, s_.now_ns + t.left_bytes / t.bytes_per_ns);
        for (const EngineState& e : s_.engines) {
            if (e.working) next = std::min(next, e.worked_ns);
            if (e.task < 0) next = std::min(next, e.wake_ns);
            if (!e.results.empty()) next = std::min(next, e.results.front().seen_ns);
        }
        return next;
    }

    void go_to(double ns) {
        const double by = ns - s_.now_ns;
        s_.now_ns = ns;
        for (Transfer& t : s_.transfers) t.left_bytes -= by * t.bytes_per_ns;
        end_transfers();
        const double until = ns + near_ns();
        for (size_t i = 0; i < s_.engines.size(); ++i) {
            EngineState& e = s_.engines[i];
            if (e.working && e.worked_ns <= until) {
                e.working = false;
                if (task(e.task).demand.in_turn) start_transfers(i);
            }
            if (e.task >= 0 && !e.working && e.transfers == 0) leave(i);
            while (!e.results.empty() && e.results.front().seen_ns <= until) {
                see(e.results.front());
                e.results.pop_front();
            }
        }
    }

    void end_transfers() {
        const double near = near_ns();
        auto over = [&](const Transfer& t) { return t.left_bytes <= near * t.bytes_per_ns; };
        for (const Transfer& t : s_.transfers) {
            if (!over(t)) continue;
            unsettled_ = true;
            --s_.engines[static_cast<size_t>(t.engine)].transfers;
            for (int line : flows_[static_cast<size_t>(t.id)]->lines)
                s_.lines[static_cast<size_t>(line)].note(t.start_ns, s_.now_ns);
        }
        std::erase_if(s_.transfers, over);
    }

    void add_line_work() {
        for (size_t t = 0; t < streams_.tasks.size(); ++t) {
            const Task& task = streams_.tasks[t];
            const auto later = static_cast<double>(s_.later_runs[t]);
            const double runs = static_cast<double>(s_.runs[t]) - later * (1 - task.later_share);
            for (const Flow& flow : task.demand.flows)
                for (int line : flow.lines) {
                    const auto l = static_cast<size_t>(line);
                    s_.lines[l].busy_ns += runs * flow.bytes / demands_.lines()[l].bytes_per_ns;
                }
        }
    }

    const Streams& streams_;
    const Demands& demands_;
    LineRates rates_;
    Repeats repeats_;
    RunState s_;
    std::vector<const Flow*> flows_;  ///< of all tasks
    std::vector<int> first_flow_;     ///< by task
    static constexpr size_t kMostSettled = 24;
    struct Settled {
        std::vector<int> going;  ///< flows
        std::vector<double> rates;
    };
    std::vector<Settled> settled_;
    size_t oldest_ = 0;
    std::vector<const Step*> turned_;  ///< loops, a turn of which is over since the last moment
    bool unsettled_ = false;
    double last_ns_ = 0;
};

}  // namespace

Pipeline pipeline_of(const Nest& nest, const machine::Machine& m, Demands& demands, int64_t chunks,
                     gir::Region* asked) {
    const Streams streams = streams_of(nest, m, demands, chunks, asked);
    Run run(streams, demands);
    run.run();
    return run.result();
}

}  // namespace smeaton::cost
