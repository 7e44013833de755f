#include "run/executor.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <utility>

#include "base/error.h"
#include "run/dependence.h"
#include "run/fill.h"
#include "run/teams.h"

namespace smeaton::run {

namespace {

/// A step with its pointers: the functions read `pointers`, run() writes the external ones.
struct ReadyStep {
    const PlanStep* step = nullptr;
    const LinkedStep* linked = nullptr;
    std::vector<void*> pointers;
    struct Patch {
        size_t slot;
        size_t external;
    };
    std::vector<Patch> patches;
};

}  // namespace

static bool contains(const std::vector<int>& list, int n) {
    return std::find(list.begin(), list.end(), n) != list.end();
}

struct Executor::State {
    LinkedPlan linked;
    std::shared_ptr<Pool> pool;
    Block arena, persistent, scratch;
    std::map<size_t, std::shared_ptr<PackedStore::Packed>> packed;  // by buffer
    std::vector<bool> needed;                                       // by step that runs once
    std::vector<char*> scratch_of;
    std::vector<void*> states;
    std::vector<ReadyStep> once, steps;
    // Where the plan has an order or teams of its own.
    std::unique_ptr<TeamRun> teams;
    std::vector<void* const*> operands;  // by step

    const Plan& plan() const { return linked.plan; }

    void* place(size_t buffer) const {
        const PlanBuffer& b = plan().buffers[buffer];
        switch (b.place) {
            case PlanBuffer::Place::Arena:
                return arena.data() + b.at;
            case PlanBuffer::Place::Persistent:
                return persistent.data() + b.at;
            case PlanBuffer::Place::Packed:
                return packed.at(buffer)->data;
            case PlanBuffer::Place::Constant:
                return const_cast<void*>(linked.constants[buffer]);
            case PlanBuffer::Place::State:
                return states[static_cast<size_t>(b.at)];
            case PlanBuffer::Place::External:
                return nullptr;
        }
        return nullptr;
    }

    void check_buffer(const PlanBuffer& b) const {
        bool arena_buffer = b.place == PlanBuffer::Place::Arena;
        int64_t room = arena_buffer ? plan().arena_bytes : plan().persistent_bytes;
        if (arena_buffer || b.place == PlanBuffer::Place::Persistent)
            SMEATON_CHECK(b.at >= 0 && b.at % 64 == 0 && b.at + b.bytes <= room,
                          "{} lies at {}, {} bytes, of {}", b.name, b.at, b.bytes, room);
        if (b.place == PlanBuffer::Place::Packed)
            SMEATON_CHECK(!b.key.empty(), "{} is packed and has no key", b.name);
        if (b.place == PlanBuffer::Place::State)
            SMEATON_CHECK(b.at >= 0 && b.at < plan().states, "{} is state {} of {}", b.name, b.at,
                          plan().states);
        if (b.place == PlanBuffer::Place::External)
            SMEATON_CHECK(b.at >= 0 && b.at < plan().externals, "{} is external {} of {}", b.name,
                          b.at, plan().externals);
    }

    std::vector<ReadyStep> ready(const std::vector<PlanStep>& list,
                                 const std::vector<LinkedStep>& functions) const {
        std::vector<ReadyStep> out;
        for (size_t i = 0; i < list.size(); ++i) {
            ReadyStep r{&list[i], &functions[i], {}, {}};
            for (int b : list[i].buffers) {
                const PlanBuffer& buffer = plan().buffers.at(static_cast<size_t>(b));
                if (buffer.place == PlanBuffer::Place::External)
                    r.patches.push_back({r.pointers.size(), static_cast<size_t>(buffer.at)});
                r.pointers.push_back(place(static_cast<size_t>(b)));
            }
            out.push_back(std::move(r));
        }
        return out;
    }

    static void patch(ReadyStep& ready, std::span<void* const> externals) {
        for (const ReadyStep::Patch& p : ready.patches)
            ready.pointers[p.slot] = externals[p.external];
    }

    void find_packed(PackedStore& store) {
        std::vector<size_t> buffers;
        std::vector<PackedStore::Wanted> wanted;
        for (size_t b = 0; b < plan().buffers.size(); ++b)
            if (const PlanBuffer& buffer = plan().buffers[b];
                buffer.place == PlanBuffer::Place::Packed)
                buffers.push_back(b), wanted.push_back({buffer.key, buffer.bytes});
        const auto found = store.get(wanted);
        for (size_t i = 0; i < buffers.size(); ++i) packed[buffers[i]] = found[i];
        while (!others_are_left_alone()) {
        }
    }

    // A step that must run may write what others read already: then that is made anew, for us.
    bool others_are_left_alone() {
        needed = needed_once();
        bool alone = true;
        for (size_t i = 0; i < needed.size(); ++i)
            for (int b : plan().once[i].writes) {
                if (!needed[i] || !is_made(b)) continue;
                const PlanBuffer& buffer = plan().buffers[static_cast<size_t>(b)];
                packed[static_cast<size_t>(b)] =
                    PackedStore().get({{buffer.key, buffer.bytes}}).front();
                alone = false;
            }
        return alone;
    }

    bool is_made(int buffer) const {
        auto found = packed.find(static_cast<size_t>(buffer));
        return found != packed.end() && found->second->made;
    }

    /// Of the steps that run once, those that make what is not there: read by the steps of a run,
    /// or by such a step.
    std::vector<bool> needed_once() const {
        std::set<int> wanted;
        for (const PlanStep& s : plan().steps)
            for (int b : s.buffers)
                if (!is_made(b)) wanted.insert(b);
        for (const auto& [b, memory] : packed)
            if (!memory->made) wanted.insert(static_cast<int>(b));
        std::set<int> read;
        for (const PlanStep& s : plan().once)
            for (int b : s.buffers)
                if (!contains(s.writes, b)) read.insert(b);
        auto is_packed = [&](int b) { return packed.count(static_cast<size_t>(b)) > 0; };
        for (const PlanStep& s : plan().once)
            if (std::none_of(s.writes.begin(), s.writes.end(), is_packed))
                for (int b : s.writes)
                    if (read.count(b) == 0) wanted.insert(b);  // by who asks for its address
        std::vector<bool> needed(plan().once.size(), false);
        for (size_t i = needed.size(); i-- > 0;) {
            const PlanStep& s = plan().once[i];
            needed[i] = !s.messages.empty() ||  // a check must be made
                        std::any_of(s.writes.begin(), s.writes.end(),
                                    [&](int b) { return wanted.count(b) > 0; });
            if (!needed[i]) continue;
            for (int b : s.buffers)
                if (!is_made(b)) wanted.insert(b);
        }
        return needed;
    }

    void run_once() {
        Pool::Lease lease(*pool);
        for (size_t i = 0; i < once.size(); ++i) {
            SMEATON_CHECK(once[i].patches.empty(),
                          "{} runs at load but reads or writes an input or output",
                          once[i].step->name);
            if (needed[i]) run_step(once[i], {});
        }
        for (auto& [b, memory] : packed) memory->made = true;
        once.clear();  // what they read may go
    }

    void run(const PlanFill& f) const {
        const PlanBuffer& b = plan().buffers[static_cast<size_t>(f.buffer)];
        if (is_made(f.buffer)) return;
        SMEATON_CHECK(b.place == PlanBuffer::Place::Arena ||
                          b.place == PlanBuffer::Place::Persistent ||
                          b.place == PlanBuffer::Place::Packed,
                      "a fill of {}, which is not the executor's own", b.name);
        run_fill(f, static_cast<char*>(place(static_cast<size_t>(f.buffer))) + f.offset);
    }

    // In the order of the list, all threads on one step.
    void run_step(ReadyStep& ready, std::span<void* const> externals) {
        patch(ready, externals);
        run_phases(ready, scratch_of.data(), [&](size_t k, auto&& call) {
            return call(ready.linked->phases[k], ready.pointers.data());
        });
    }

    /// `with(k, call)` gives call(function, buffers) of phase k.
    template <class With>
    void run_phases(const ReadyStep& ready, char* const* scratch, With&& with) {
        const std::vector<PlanPhase>& phases = ready.step->phases;
        for (size_t k = 0; k < phases.size(); ++k) {
            const int result = with(k, [&](KernelFunction function, void* const* buffers) {
                return runs_alone(*ready.step, phases[k])
                           ? function(buffers, scratch[0], 0, phases[k].range)
                           : pool->run(function, buffers, scratch, phases[k].range);
            });
            if (result != 0) [[unlikely]]
                throw UserError("{}", ready.step->messages.at(static_cast<size_t>(result) - 1));
        }
    }

    void prepare_teams() {
        bool own = !plan().order.empty();
        for (const PlanStep& s : plan().steps) own = own || s.team != Team{};
        if (!own) return;
        check_order(plan(), pool->threads());
        teams = std::make_unique<TeamRun>(linked, *pool, scratch_of);
        for (const ReadyStep& r : steps) operands.push_back(r.pointers.data());
    }

    void run_in_teams(std::span<void* const> externals, std::vector<int64_t>* step_ns,
                      std::vector<Span>* spans = nullptr) {
        for (ReadyStep& r : steps) patch(r, externals);
        TeamRun::Failure failure = teams->run(operands, step_ns, spans);
        if (failure.step < 0) return;
        const PlanStep& step = plan().steps[static_cast<size_t>(failure.step)];
        throw UserError("{}", step.messages.at(static_cast<size_t>(failure.message)));
    }

    void check_externals(std::span<void* const> externals) const {
        SMEATON_CHECK(static_cast<int>(externals.size()) == plan().externals,
                      "{} pointers for {} inputs and outputs", externals.size(), plan().externals);
    }
};

Executor::Executor(LinkedPlan linked, std::shared_ptr<Pool> pool, std::vector<void*> states,
                   std::shared_ptr<PackedStore> store)
    : state_(std::make_unique<State>()) {
    State& s = *state_;
    s.linked = std::move(linked);
    s.pool = std::move(pool);
    s.states = std::move(states);
    const Plan& plan = s.plan();
    SMEATON_CHECK(static_cast<int>(s.states.size()) == plan.states, "{} pointers for {} states",
                  s.states.size(), plan.states);
    for (const PlanBuffer& b : plan.buffers) s.check_buffer(b);
    s.arena = Block(plan.arena_bytes);
    s.persistent = Block(plan.persistent_bytes);
    PackedStore own;
    s.find_packed(store ? *store : own);
    const int64_t per_thread = (plan.scratch_bytes + 127) / 128 * 128;
    s.scratch = Block(per_thread * s.pool->threads());
    for (int t = 0; t < s.pool->threads(); ++t)
        s.scratch_of.push_back(s.scratch.data() + t * per_thread);
    s.once = s.ready(plan.once, s.linked.once);
    s.steps = s.ready(plan.steps, s.linked.steps);
    s.prepare_teams();
    for (const PlanFill& f : plan.fills) s.run(f);
    s.run_once();
}

Executor::~Executor() = default;

void Executor::run(std::span<void* const> externals) {
    State& s = *state_;
    s.check_externals(externals);
    Pool::Lease lease(*s.pool);
    if (s.teams) return s.run_in_teams(externals, nullptr);
    for (ReadyStep& r : s.steps) s.run_step(r, externals);
}

void Executor::run_timed(std::span<void* const> externals, std::vector<int64_t>& step_ns) {
    State& s = *state_;
    s.check_externals(externals);
    step_ns.assign(s.steps.size(), 0);
    Pool::Lease lease(*s.pool);
    if (s.teams) return s.run_in_teams(externals, &step_ns);
    using Clock = std::chrono::steady_clock;
    auto before = Clock::now();
    for (size_t i = 0; i < s.steps.size(); ++i) {
        s.run_step(s.steps[i], externals);
        auto after = Clock::now();
        step_ns[i] = std::chrono::duration_cast<std::chrono::nanoseconds>(after - before).count();
        before = after;
    }
}

namespace {

using Clock = std::chrono::steady_clock;

/// What stands in for a thread's scratch while a run is traced.
struct TracedThread {
    char* scratch = nullptr;
    int thread = 0;
    std::vector<Span> spans;
};
/// What stands in for a phase's buffers.
struct TracedPhase {
    KernelFunction function = nullptr;
    void* const* buffers = nullptr;
    int step = 0, phase = 0;
    Clock::time_point origin;
};

int64_t ns_since(Clock::time_point origin) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - origin).count();
}

int traced(void* const* buffers, char* scratch, int64_t begin, int64_t end) {
    const auto* phase = reinterpret_cast<const TracedPhase*>(buffers);
    auto* mine = reinterpret_cast<TracedThread*>(scratch);
    const int64_t from = ns_since(phase->origin);
    const int result = phase->function(phase->buffers, mine->scratch, begin, end);
    mine->spans.push_back(
        {phase->step, phase->phase, mine->thread, from, ns_since(phase->origin), begin, end});
    return result;
}

}  // namespace

void Executor::run_traced(std::span<void* const> externals, std::vector<Span>& spans) {
    State& s = *state_;
    s.check_externals(externals);
    Pool::Lease lease(*s.pool);
    if (s.teams) return s.run_in_teams(externals, nullptr, &spans);
    std::vector<TracedThread> threads(s.scratch_of.size());
    std::vector<char*> stand_ins;
    for (size_t t = 0; t < threads.size(); ++t) {
        threads[t].scratch = s.scratch_of[t];
        threads[t].thread = static_cast<int>(t);
        threads[t].spans.reserve(2 * s.steps.size());
        stand_ins.push_back(reinterpret_cast<char*>(&threads[t]));
    }
    const Clock::time_point origin = Clock::now();
    for (size_t i = 0; i < s.steps.size(); ++i) {
        State::patch(s.steps[i], externals);
        s.run_phases(s.steps[i], stand_ins.data(), [&](size_t k, auto&& call) {
            const TracedPhase phase{s.steps[i].linked->phases[k], s.steps[i].pointers.data(),
                                    static_cast<int>(i), static_cast<int>(k), origin};
            return call(&traced, reinterpret_cast<void* const*>(&phase));
        });
    }
    for (const TracedThread& t : threads) spans.insert(spans.end(), t.spans.begin(), t.spans.end());
}

void Executor::relink(const Symbols& symbols) {
    Pool::Lease lease(*state_->pool);
    run::relink(state_->linked, symbols);
}

const Plan& Executor::plan() const {
    return state_->plan();
}
int64_t Executor::scratch_bytes() const {
    return static_cast<int64_t>(state_->scratch_of.size()) * state_->plan().scratch_bytes;
}
void* Executor::address(int buffer) const {
    SMEATON_CHECK(buffer >= 0 && static_cast<size_t>(buffer) < plan().buffers.size(),
                  "there is no buffer {}", buffer);
    return state_->place(static_cast<size_t>(buffer));
}

}  // namespace smeaton::run
