#include "run/teams.h"

#include <algorithm>
#include <atomic>

#include "base/error.h"
#include "run/dependence.h"
#include "run/share.h"
#include "run/wait.h"

namespace smeaton::run {

namespace {

constexpr int kSkipped = -1;
// A piece of a phase takes at least this much work, by the estimate, and a part has at most so
// many.
constexpr double kPieceNs = 1500;
constexpr int kPiecesOfAPart = 16;
// How many of its later steps a thread looks at for work while it has to wait.
constexpr size_t kLookAhead = 12;

// The first failure of a phase, in the order of its range: a piece and a function's result.
using Failed = std::atomic<uint64_t>;
constexpr uint64_t kNone = ~uint64_t{0};

// A step and how far it has come in the run at hand.
struct alignas(64) Slot {
    Word phase{0};    // the one that is being worked on
    Word ended{0};    // 1 when `outcome` stands
    int outcome = 0;  // 0, 1 + a message's index, or kSkipped
    int first = 0, count = 1;
    std::vector<std::unique_ptr<Share>> shares;  // by phase
    Failed failed{kNone};
    std::atomic<int64_t> begin_ns{0};
    int64_t ns = 0;  // what it took
};

int pieces_of(const PlanStep& step, const PlanPhase& phase, int members) {
    if (members == 1 || runs_alone(step, phase)) return 1;
    const double worth = step.work_ns > 0 ? step.work_ns / kPieceNs : kPiecesOfAPart * members;
    const double most = std::clamp(worth, 1.0 * members, 1.0 * kPiecesOfAPart * members);
    return static_cast<int>(std::clamp<int64_t>(phase.range, 1, static_cast<int64_t>(most)));
}

}  // namespace

struct TeamRun::State {
    const LinkedPlan* linked = nullptr;
    Pool* pool = nullptr;
    std::vector<char*> scratch;
    std::vector<std::vector<int>> turns;                  // by thread: its steps in their order
    std::unique_ptr<Slot[]> slots;                        // by step
    const std::vector<void* const*>* operands = nullptr;  // by step
    bool is_the_callers = true;                           // every step, and nobody else's
    bool timed = false;
    bool traced = false;
    std::vector<std::vector<Span>> spans;  // by thread
    int64_t begin_ns = 0;                  // of the run
    Sleepers sleepers{0};
    int64_t spin_ns = kSpinNs;

    const PlanStep& step(int i) const { return linked->plan.steps[static_cast<size_t>(i)]; }
    Slot& slot(int i) const { return slots[static_cast<size_t>(i)]; }

    void reset() {
        for (size_t i = 0; i < linked->plan.steps.size(); ++i) {
            Slot& s = slots[i];
            s.phase.store(0, std::memory_order_relaxed);
            s.ended.store(0, std::memory_order_relaxed);
            s.failed.store(kNone, std::memory_order_relaxed);
            s.begin_ns.store(0, std::memory_order_relaxed);
            for (const std::unique_ptr<Share>& share : s.shares) share->reset();
        }
    }

    // The first of the steps that it comes after that has not ended; -1: none.
    int waits_for(int i) const {
        for (int before : step(i).after)
            if (slot(before).ended.load(std::memory_order_acquire) == 0) return before;
        return -1;
    }

    // Whether all that it comes after, which have ended, ended well.
    bool may_run(int i) const {
        return std::all_of(step(i).after.begin(), step(i).after.end(),
                           [&](int before) { return slot(before).outcome == 0; });
    }

    int run_part(int i, size_t k, int thread, int64_t begin, int64_t end) {
        const int64_t from = traced ? now_ns() : 0;
        const int result = linked->steps[static_cast<size_t>(i)].phases[k](
            (*operands)[static_cast<size_t>(i)], scratch[static_cast<size_t>(thread)], begin, end);
        if (traced)
            spans[static_cast<size_t>(thread)].push_back(
                {i, static_cast<int>(k), thread, from - begin_ns, now_ns() - begin_ns, begin, end});
        return result;
    }

    void run_pieces(int i, size_t k, int thread, Pieces pieces) {
        Slot& s = slot(i);
        const int64_t range = step(i).phases[k].range, all = s.shares[k]->pieces();
        const int result =
            run_part(i, k, thread, range * pieces.first / all, range * pieces.last / all);
        if (result == 0) return;
        const uint64_t mine =
            static_cast<uint64_t>(pieces.first) << 32 | static_cast<uint32_t>(result);
        uint64_t first = s.failed.load();
        while (mine < first && !s.failed.compare_exchange_weak(first, mine)) {
        }
    }

    void end(int i, int outcome) {
        Slot& s = slot(i);
        if (timed) s.ns = now_ns() - s.begin_ns.load();
        s.outcome = outcome;
        s.ended.store(1);
        wake_all(s.ended, sleepers);
    }

    void end_phase(int i, size_t k) {
        Slot& s = slot(i);
        const uint64_t failed = s.failed.load();
        if (failed != kNone || k + 1 == step(i).phases.size())
            end(i, failed == kNone ? 0 : static_cast<int>(failed & 0xffffffffu));
        s.phase.store(static_cast<uint32_t>(k) + 1);
        wake_all(s.phase, sleepers);
    }

    // What the thread can take of the phase, at most `most` pieces in all; false: nothing.
    bool work_on(int i, size_t k, int thread, int most) {
        Slot& s = slot(i);
        Share& share = *s.shares[k];
        int taken = 0;
        while (taken < most) {
            const Pieces pieces = share.take(thread - s.first, most - taken);
            if (pieces.empty()) break;
            run_pieces(i, k, thread, pieces);
            taken += pieces.last - pieces.first;
        }
        if (taken > 0 && share.done(taken)) end_phase(i, k);
        return taken > 0;
    }

    void begin_timing(Slot& s) const {
        int64_t none = 0;
        if (timed) s.begin_ns.compare_exchange_strong(none, now_ns());
    }

    // Members meet between phases. At the end none waits for the others: what comes after waits for
    // the step itself, and whoever does the last piece tells that it has ended.
    void run_step(int i, int thread) {
        Slot& s = slot(i);
        if (!may_run(i)) {
            if (thread == s.first) end(i, kSkipped);
            return;
        }
        begin_timing(s);
        const size_t phases = step(i).phases.size();
        if (phases == 0 && thread == s.first) end(i, 0);
        for (size_t k = 0; k < phases; ++k) {
            work_on(i, k, thread, s.shares[k]->pieces());
            if (k + 1 == phases) return;
            wait_while(s.phase, static_cast<uint32_t>(k), sleepers, spin_ns);
            if (s.ended.load(std::memory_order_acquire) != 0) return;
        }
    }

    // A piece of a later step that the thread shares with others, if there is one; in the meantime
    // what it waits for may end. Steps that are its alone keep their place: the schedule put them
    // there, and between samples that share memory nothing else does.
    bool help_ahead(const std::vector<int>& mine, size_t at, int thread) {
        const size_t last = std::min(mine.size(), at + 1 + kLookAhead);
        for (size_t n = at + 1; n < last; ++n) {
            const int i = mine[n];
            Slot& s = slot(i);
            // In this order: a phase that failed ends the step before the next one begins.
            const uint32_t k = s.phase.load(std::memory_order_acquire);
            if (s.count == 1 || s.ended.load(std::memory_order_acquire) != 0) continue;
            if (k >= s.shares.size() || s.shares[k]->all_taken()) continue;
            if (waits_for(i) >= 0 || !may_run(i)) continue;
            begin_timing(s);
            if (work_on(i, k, thread, 1)) return true;
        }
        return false;
    }

    void wait_for_those_before(const std::vector<int>& mine, size_t at, int thread) {
        const int i = mine[at];
        for (int before = waits_for(i); before >= 0; before = waits_for(i)) {
            int64_t deadline = 0;
            while (slot(before).ended.load(std::memory_order_acquire) == 0) {
                if (help_ahead(mine, at, thread)) {
                    deadline = 0;
                    continue;
                }
                if (spin_some(slot(before).ended, 0, deadline, spin_ns)) continue;
                sleep_while(slot(before).ended, 0, sleepers);
            }
        }
    }

    void run_thread(int thread) {
        const std::vector<int>& mine = turns[static_cast<size_t>(thread)];
        for (size_t at = 0; at < mine.size(); ++at) {
            wait_for_those_before(mine, at, thread);
            run_step(mine[at], thread);
        }
    }

    // Where nobody else is to be met: the caller is every team.
    void run_all_alone() {
        for (int i : order_of(linked->plan)) {
            Slot& s = slot(i);
            if (timed) s.begin_ns.store(now_ns());
            int outcome = may_run(i) ? 0 : kSkipped;
            for (size_t k = 0; k < step(i).phases.size() && outcome == 0; ++k)
                outcome = run_part(i, k, 0, 0, step(i).phases[k].range);
            end(i, outcome);
        }
    }
};

TeamRun::TeamRun(const LinkedPlan& linked, Pool& pool, std::vector<char*> scratch)
    : state_(std::make_unique<State>()) {
    State& s = *state_;
    s.linked = &linked;
    s.pool = &pool;
    s.scratch = std::move(scratch);
    s.spin_ns = pool.spin_for_work_ns();
    s.slots = std::make_unique<Slot[]>(linked.plan.steps.size());
    s.turns.resize(static_cast<size_t>(pool.threads()));
    for (int i : order_of(linked.plan)) {
        const Team& team = s.step(i).team;
        Slot& slot = s.slot(i);
        slot.first = team.count == 0 ? 0 : team.first;
        slot.count = team.count == 0 ? pool.threads() : team.count;
        for (const PlanPhase& phase : s.step(i).phases)
            slot.shares.push_back(
                std::make_unique<Share>(slot.count, pieces_of(s.step(i), phase, slot.count)));
        s.is_the_callers = s.is_the_callers && slot.first == 0 && slot.count == 1;
        for (int t = slot.first; t < slot.first + slot.count; ++t)
            s.turns[static_cast<size_t>(t)].push_back(i);
    }
}

TeamRun::~TeamRun() = default;

TeamRun::Failure TeamRun::run(const std::vector<void* const*>& operands,
                              std::vector<int64_t>* step_ns, std::vector<Span>* spans) {
    State& s = *state_;
    const size_t n = s.linked->plan.steps.size();
    s.operands = &operands;
    s.timed = step_ns != nullptr;
    s.traced = spans != nullptr;
    if (s.traced) {
        s.spans.assign(static_cast<size_t>(s.pool->threads()), {});
        for (std::vector<Span>& own : s.spans) own.reserve(2 * n);
        s.begin_ns = now_ns();
    }
    s.reset();
    if (s.pool->alone() || s.is_the_callers)
        s.run_all_alone();
    else
        s.pool->run_each(
            [](void* state, int thread) { static_cast<State*>(state)->run_thread(thread); }, &s);
    if (step_ns) {
        step_ns->clear();
        for (size_t i = 0; i < n; ++i) step_ns->push_back(s.slots[i].ns);
    }
    if (spans)
        for (const std::vector<Span>& own : s.spans)
            spans->insert(spans->end(), own.begin(), own.end());
    for (size_t i = 0; i < n; ++i)
        if (s.slots[i].outcome > 0) return {static_cast<int>(i), s.slots[i].outcome - 1};
    return {};
}

}  // namespace smeaton::run
