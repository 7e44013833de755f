#include "run/teams.h"

#include <algorithm>

#include "base/error.h"
#include "run/dependence.h"
#include "run/wait.h"

namespace smeaton::run {

namespace {

constexpr int kSkipped = -1;

// A step and how far it has come in the run at hand.
struct alignas(64) Slot {
    Word arrived{0};  // members at the ends of phases, in all
    Word ended{0};    // 1 when `outcome` stands
    int outcome = 0;  // 0, 1 + a message's index, or kSkipped
    int64_t ns = 0;   // when it began, then what it took
    int first = 0, count = 1;
    std::vector<int> results[2];  // of members, by turns: a slow one still reads the last phase's
};

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

    const PlanStep& step(int i) const { return linked->plan.steps[static_cast<size_t>(i)]; }
    Slot& slot(int i) const { return slots[static_cast<size_t>(i)]; }

    // Whether all that it comes after ended well.
    bool wait_for_those_before(int i) {
        bool good = true;
        for (int before : step(i).after) {
            wait_while(slot(before).ended, 0, sleepers);
            good = good && slot(before).outcome == 0;
        }
        return good;
    }

    // Returns when all members have come to the end of the `phases`th phase.
    void meet(Slot& s, uint32_t phases) {
        const uint32_t all = phases * static_cast<uint32_t>(s.count);
        uint32_t n = s.arrived.fetch_add(1) + 1;
        if (n == all) return wake_all(s.arrived, sleepers);
        while (n < all) {
            wait_while(s.arrived, n, sleepers);
            n = s.arrived.load(std::memory_order_acquire);
        }
    }

    int run_part(int i, size_t k, int thread, int member, int members) {
        const PlanPhase& phase = step(i).phases[k];
        if (runs_alone(step(i), phase)) {
            if (member > 0) return 0;
            members = 1;
        }
        int64_t begin = phase.range * member / members, end = phase.range * (member + 1) / members;
        if (begin == end && members > 1) return 0;
        const int64_t from = traced ? now_ns() : 0;
        const int result = linked->steps[static_cast<size_t>(i)].phases[k](
            (*operands)[static_cast<size_t>(i)], scratch[static_cast<size_t>(thread)], begin, end);
        if (traced)
            spans[static_cast<size_t>(thread)].push_back(
                {i, static_cast<int>(k), thread, from - begin_ns, now_ns() - begin_ns, begin, end});
        return result;
    }

    // The members' results of a phase: 0, or that of the first with a failed check.
    static int result_of(const std::vector<int>& results) {
        for (int r : results)
            if (r != 0) return r;
        return 0;
    }

    struct Outcome {
        int result = 0;
        bool mine = false;  // this member is the one to tell of it
    };

    // Members meet between phases. At the end none waits for the others: what comes after waits for
    // the step itself, and the last to come tells that it has ended.
    Outcome run_phases(int i, int thread) {
        Slot& s = slot(i);
        const int member = thread - s.first;
        const size_t phases = step(i).phases.size();
        uint32_t met = 0;
        for (size_t k = 0; k < phases; ++k) {
            int result = run_part(i, k, thread, member, s.count);
            if (s.count > 1) {
                std::vector<int>& results = s.results[k % 2];
                results[static_cast<size_t>(member)] = result;
                if (k + 1 == phases) {
                    const uint32_t all = ++met * static_cast<uint32_t>(s.count);
                    if (s.arrived.fetch_add(1) + 1 != all) return {0, false};
                    return {result_of(results), true};
                }
                meet(s, ++met);
                result = result_of(results);
            }
            if (result != 0) return {result, member == 0};
        }
        return {0, member == 0};
    }

    void run_step(int i, int thread) {
        Slot& s = slot(i);
        const bool good = wait_for_those_before(i);
        if (timed && thread == s.first) s.ns = now_ns();
        const Outcome outcome = good ? run_phases(i, thread) : Outcome{kSkipped, thread == s.first};
        if (!outcome.mine) return;
        if (timed) s.ns = now_ns() - s.ns;
        s.outcome = outcome.result;
        s.ended.store(1);
        wake_all(s.ended, sleepers);
    }

    void run_thread(int thread) {
        for (int i : turns[static_cast<size_t>(thread)]) run_step(i, thread);
    }

    // Where nobody else is to be met: the caller is every team.
    void run_all_alone() {
        for (int i : order_of(linked->plan)) {
            Slot& s = slot(i);
            bool good = wait_for_those_before(i);
            int64_t begin = timed ? now_ns() : 0;
            int outcome = good ? 0 : kSkipped;
            for (size_t k = 0; k < step(i).phases.size() && outcome == 0; ++k)
                outcome = run_part(i, k, 0, 0, 1);
            if (timed) s.ns = now_ns() - begin;
            s.outcome = outcome;
            s.ended.store(1);
        }
    }
};

TeamRun::TeamRun(const LinkedPlan& linked, Pool& pool, std::vector<char*> scratch)
    : state_(std::make_unique<State>()) {
    State& s = *state_;
    s.linked = &linked;
    s.pool = &pool;
    s.scratch = std::move(scratch);
    s.slots = std::make_unique<Slot[]>(linked.plan.steps.size());
    s.turns.resize(static_cast<size_t>(pool.threads()));
    for (int i : order_of(linked.plan)) {
        const Team& team = s.step(i).team;
        Slot& slot = s.slot(i);
        slot.first = team.count == 0 ? 0 : team.first;
        slot.count = team.count == 0 ? pool.threads() : team.count;
        for (auto& results : slot.results) results.assign(static_cast<size_t>(slot.count), 0);
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
    for (size_t i = 0; i < n; ++i) {
        s.slots[i].arrived.store(0, std::memory_order_relaxed);
        s.slots[i].ended.store(0, std::memory_order_relaxed);
    }
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
