#include "cost/repeats.h"

#include <cmath>

namespace smeaton::cost {
namespace {

constexpr int64_t kAnyNumber = std::numeric_limits<int64_t>::max();
// Times that differ by less than this part of a turn count as equal. Where nothing repeats the
// share grows: then the mean over some turns stands for what follows, as long as what drifts meets
// nothing.
constexpr double kAlike = 5e-4;
constexpr size_t kTurnsToDouble = 8;

/// Counts that grow by the same in each repetition: by task what is done, started and started
/// beyond a ring's first value; by tile; by user; by engine what it started and what stands before
/// it, by task.
template <class State, class Visit>
void each_count(State& s, Visit&& visit) {
    for (auto* counts : {&s.done, &s.runs, &s.later_runs, &s.opened, &s.left})
        for (auto& count : *counts) visit(count);
    for (auto& e : s.engines) {
        visit(e.started);
        for (auto& count : e.before) visit(count);
    }
}

/// Where those lie in a snapshot.
struct Places {
    size_t tasks, tiles, users;
    explicit Places(const Streams& s)
        : tasks(s.tasks.size()), tiles(static_cast<size_t>(s.tiles)), users(s.users.size()) {}
    size_t done(size_t task) const { return task; }
    size_t opened(size_t tile) const { return 3 * tasks + tile; }
    size_t left(size_t user) const { return 3 * tasks + tiles + user; }
    size_t started(size_t engine) const { return 3 * tasks + tiles + users + engine * (1 + tasks); }
    size_t before(size_t engine, size_t task) const { return started(engine) + 1 + task; }
};

/// How often `step` can be taken of `room`.
int64_t times_in(double room, double step) {
    if (step <= 0) return kAnyNumber;
    return std::max<int64_t>(0, static_cast<int64_t>(std::min(room / step, 1e15)));
}

/// How often what is left can be `less` by so much until it comes in another turn.
int64_t times_drifting(double left_ns, double less_ns, double turns_ns) {
    const double until_end = std::fmod(left_ns, turns_ns);
    return times_in(less_ns > 0 ? until_end : turns_ns - until_end, std::abs(less_ns));
}

}  // namespace

Repeats::Repeats(const Streams& streams)
    : streams_(streams),
      history_(static_cast<size_t>(streams.axes)),
      rings_(static_cast<size_t>(streams.axes)),
      lasts_(static_cast<size_t>(streams.axes)) {
    for (const Task& task : streams.tasks)
        if (task.ring >= 0) rings_[static_cast<size_t>(task.ring)] = true;
    for (const Stream& stream : streams.streams)
        for (const LastTouch& last : stream.lasts)
            for (int axis : last.axes) lasts_[static_cast<size_t>(axis)] = true;
}

void Repeats::look(const Step& loop, const RunState& s, Snapshot& now) const {
    for (auto* list : {&now.standing, &now.turns, &now.counts}) list->clear();
    now.left_ns.clear();
    now.left_of.clear();
    now.busy_ns.clear();
    now.now_ns = s.now_ns;
    now.moment = s.moment;
    if (now.counts.capacity() == 0) {  // most often as many each time
        const Places places(streams_);
        now.counts.reserve(places.started(s.engines.size()));
        now.standing.reserve(s.engines.size() * (8 + 2 * static_cast<size_t>(streams_.axes)));
        for (auto* list : {&now.left_ns, &now.busy_ns})
            list->reserve(streams_.tasks.size() + 2 * s.engines.size());
        now.left_of.reserve(streams_.tasks.size() + 2 * s.engines.size());
        now.turns.reserve(s.engines.size());
    }
    auto left = [&](size_t engine, double ns) {
        now.left_ns.push_back(ns);
        now.left_of.push_back(static_cast<int>(engine));
    };
    const auto axis = static_cast<size_t>(loop.index);
    for (size_t e = 0; e < s.engines.size(); ++e) {
        const EngineState& engine = s.engines[e];
        now.turns.push_back(engine.value[axis]);
        auto& at = now.standing;
        at.insert(at.end(), {static_cast<int64_t>(engine.at), engine.task, engine.working,
                             static_cast<int64_t>(engine.leaves.size()),
                             static_cast<int64_t>(engine.results.size())});
        for (size_t a = 0; a < engine.value.size(); ++a) {
            if (a != axis) at.push_back(engine.value[a]);
            at.push_back(engine.end[a]);
        }
        for (const Result& r : engine.results) {
            at.insert(at.end(), {r.task, r.user});
            left(e, r.seen_ns - s.now_ns);
        }
        if (engine.working) left(e, engine.worked_ns - s.now_ns);
        now.busy_ns.push_back(engine.use.busy_ns);
    }
    for (size_t t = 0; t < s.chained_ns.size(); ++t)
        left(static_cast<size_t>(streams_.stream_of[t]), std::max(0.0, s.chained_ns[t] - s.now_ns));
    for (const Transfer& t : s.transfers) {
        now.standing.insert(now.standing.end(), {t.engine, t.id});
        left(static_cast<size_t>(t.engine), t.left_bytes / t.bytes_per_ns);
    }
    each_count(s, [&](const int64_t& count) { now.counts.push_back(count); });
}

bool Repeats::turn_over(const Step& loop, RunState& s) {
    History& history = history_[static_cast<size_t>(loop.index)];
    const size_t turn = history.turns++;
    Snapshot& now = history.snapshots[turn % kMostKept];
    look(loop, s, now);
    const double tolerance =
        std::ldexp(kAlike, static_cast<int>(std::min<size_t>(40, history.seen++ / kTurnsToDouble)));
    for (size_t back = 1; back <= std::min(turn, kMostKept - 1); ++back) {
        const Snapshot& then = history.snapshots[(turn - back) % kMostKept];
        const int64_t times = times_alike(loop, s, then, now, tolerance);
        if (times < 1) continue;
        add(loop, s, then, now, times);
        history.turns = 0;
        return true;
    }
    return false;
}

int64_t Repeats::times_alike(const Step& loop, const RunState& s, const Snapshot& then,
                             const Snapshot& now, double tolerance) const {
    if (then.standing != now.standing || now.now_ns <= then.now_ns) return 0;
    int64_t times = times_of_turns(loop, s, then, now);
    if (times > 0) times = std::min(times, times_of_left(then, now, tolerance));
    if (times > 0) times = std::min(times, times_of_waits(s, then, now));
    return times;
}

/// Nobody's loop ends, and turns are of one shape.
int64_t Repeats::times_of_turns(const Step& loop, const RunState& s, const Snapshot& then,
                                const Snapshot& now) const {
    const Places places(streams_);
    const auto axis = static_cast<size_t>(loop.index);
    int64_t times = kAnyNumber, first = kAnyNumber, alike = -1;
    for (size_t e = 0; e < s.engines.size(); ++e)
        if (now.turns[e] > then.turns[e]) first = std::min(first, then.turns[e]);
    for (size_t e = 0; e < s.engines.size(); ++e) {
        const EngineState& engine = s.engines[e];
        const int64_t turns = now.turns[e] - then.turns[e];
        const size_t started = places.started(e);
        if (turns < 0 || (turns == 0) != (now.counts[started] == then.counts[started])) return 0;
        if (turns == 0) continue;
        // The first turn of a ring brings all, the others what is new.
        if (rings_[axis] && then.turns[e] == engine.begin[axis]) return 0;
        if (alike < 0) alike = end_of_like_turns(loop, first, engine.end[axis], engine.value);
        if (alike <= now.turns[e]) return 0;
        // A last turn in which somebody leaves early is begun anew.
        times = std::min(times, (alike - (lasts_[axis] ? 2 : 1) - now.turns[e]) / turns);
    }
    return alike < 0 ? 0 : times;
}

/// What goes on is at the same point; of engines that have started nothing since, it does not end.
/// What drifts from turn to turn comes no sooner than the turn's end, and no later than the next's.
int64_t Repeats::times_of_left(const Snapshot& then, const Snapshot& now, double tolerance) const {
    if (then.left_ns.size() != now.left_ns.size()) return 0;
    const Places places(streams_);
    const double turns_ns = now.now_ns - then.now_ns, equal = std::max(1e-6, tolerance * turns_ns);
    int64_t times = kAnyNumber;
    for (size_t i = 0; i < now.left_ns.size(); ++i) {
        const double less = then.left_ns[i] - now.left_ns[i];
        const size_t started = places.started(static_cast<size_t>(now.left_of[i]));
        if (now.counts[started] == then.counts[started])
            times = std::min(times,
                             now.left_ns[i] > 0 ? times_in(now.left_ns[i], less) - 1 : kAnyNumber);
        else if (std::abs(less) > equal)
            return 0;
        else if (std::abs(less) > 1e-6)
            times = std::min(times, times_drifting(now.left_ns[i], less, turns_ns));
    }
    return times;
}

/// Who waited waits again, who did not does not.
int64_t Repeats::times_of_waits(const RunState& s, const Snapshot& then,
                                const Snapshot& now) const {
    const Places places(streams_);
    int64_t times = kAnyNumber;
    auto stopped = [&](size_t e) {
        return now.counts[places.started(e)] == then.counts[places.started(e)];
    };
    for (size_t e = 0; e < s.engines.size() && times > 0; ++e)
        if (stopped(e)) times = std::min(times, times_of_stopped(s, then, now, e));
    for (size_t t = 0; t < streams_.tasks.size() && times > 0; ++t) {
        const auto e = static_cast<size_t>(streams_.stream_of[t]);
        if (!stopped(e)) times = std::min(times, times_of_task(s, then, now, e, t));
    }
    return times;
}

int64_t Repeats::times_of_task(const RunState& s, const Snapshot& then, const Snapshot& now,
                               size_t engine, size_t index) const {
    const Places places(streams_);
    const Task& task = streams_.tasks[index];
    const std::vector<Slack>& slacks = s.slacks[index];
    int64_t times = kAnyNumber;
    size_t i = 0;
    auto grown = [&](size_t place) { return now.counts[place] - then.counts[place]; };
    auto look = [&](int64_t more) {
        const Slack& slack = slacks[i++];
        if (more == 0 || slack.looked_at <= then.moment) return;
        if (slack.missed_at > then.moment)
            times = 0;
        else if (more < 0)
            times = std::min(times, slack.executions / -more - 1);
    };
    for (const Wait& w : task.waits) {
        const auto other = static_cast<size_t>(w.task);
        look(w.same_engine ? 0 : grown(places.done(other)) - grown(places.before(engine, other)));
    }
    for (const Room& room : task.rooms)
        for (int user : room.users)
            look(grown(places.left(static_cast<size_t>(user))) -
                 grown(places.opened(static_cast<size_t>(room.tile))));
    return times;
}

/// Until what it waits for is there.
int64_t Repeats::times_of_stopped(const RunState& s, const Snapshot& then, const Snapshot& now,
                                  size_t e) const {
    const EngineState& engine = s.engines[e];
    const Item& item = streams_.streams[e].items[engine.at];
    if (engine.task >= 0 || item.kind != Item::kTask) return kAnyNumber;
    const Places places(streams_);
    const Task& task = streams_.tasks[static_cast<size_t>(item.index)];
    int64_t times = 0;
    auto grown = [&](size_t place) { return now.counts[place] - then.counts[place]; };
    auto look = [&](int64_t lacks, int64_t nearer) {
        if (lacks > 0) times = std::max(times, nearer > 0 ? (lacks - 1) / nearer : kAnyNumber);
    };
    for (const Wait& w : task.waits) {
        if (w.same_engine) continue;
        const auto other = static_cast<size_t>(w.task);
        if (std::none_of(w.beyond_first.begin(), w.beyond_first.end(),
                         [&](int axis) { return engine.beyond_first(axis); }) &&
            !w.beyond_first.empty())
            continue;
        look(engine.before[other] - s.done[other], grown(places.done(other)));
    }
    for (const Room& room : task.rooms)
        for (int user : room.users) {
            const auto u = static_cast<size_t>(user);
            look(s.opened[static_cast<size_t>(room.tile)] - room.parts - s.left[u],
                 grown(places.left(u)));
        }
    return times;
}

void Repeats::add(const Step& loop, RunState& s, const Snapshot& then, const Snapshot& now,
                  int64_t times) const {
    const Places places(streams_);
    const auto n = static_cast<double>(times);
    const double later = n * (now.now_ns - then.now_ns);
    auto moved = [&](size_t e) {
        return now.counts[places.started(e)] != then.counts[places.started(e)];
    };
    auto shift_use = [&](Use& use) {
        if (use.end_ns > then.now_ns) use.end_ns += later;
    };
    for (Use& line : s.lines) shift_use(line);
    for (size_t e = 0; e < s.engines.size(); ++e) {
        EngineState& engine = s.engines[e];
        engine.value[static_cast<size_t>(loop.index)] += times * (now.turns[e] - then.turns[e]);
        engine.use.busy_ns += n * (now.busy_ns[e] - then.busy_ns[e]);
        if (!moved(e)) continue;
        shift_use(engine.use);
        engine.start_ns += later;
        engine.worked_ns += later;
        engine.wake_ns += later;
        for (Result& r : engine.results) r.seen_ns += later;
    }
    for (size_t t = 0; t < s.chained_ns.size(); ++t)
        if (moved(static_cast<size_t>(streams_.stream_of[t]))) {
            s.chained_ns[t] += later;
            s.seen_ns[t] += later;
        }
    size_t left = now.left_ns.size() - s.transfers.size();
    for (Transfer& t : s.transfers) {
        if (moved(static_cast<size_t>(t.engine)))
            t.start_ns += later;
        else
            t.left_bytes -= n * (then.left_ns[left] - now.left_ns[left]) * t.bytes_per_ns;
        ++left;
    }
    size_t i = 0;
    each_count(s, [&](int64_t& count) {
        count += times * (now.counts[i] - then.counts[i]);
        ++i;
    });
    s.now_ns += later;
}

}  // namespace smeaton::cost
