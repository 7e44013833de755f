#include "run/executor.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstring>
#include <map>
#include <numeric>
#include <thread>

#include "base/error.h"
#include "run/cpu.h"

namespace smeaton::run {
namespace {

// y[i] = x[i] * 2 over rows of 64.
int twice(void* const* buffers, char*, int64_t begin, int64_t end) {
    auto* x = static_cast<const float*>(buffers[0]);
    auto* y = static_cast<float*>(buffers[1]);
    for (int64_t i = begin * 64; i < end * 64; ++i) y[i] = x[i] * 2;
    return 0;
}

// y = running sums of x, row by row, through scratch.
int row_sums(void* const* buffers, char* scratch, int64_t begin, int64_t end) {
    auto* x = static_cast<const float*>(buffers[0]);
    auto* y = static_cast<float*>(buffers[1]);
    auto* sum = reinterpret_cast<float*>(scratch);
    for (int64_t r = begin; r < end; ++r) {
        *sum = 0;
        for (int64_t i = 0; i < 64; ++i) *sum += std::sin(x[r * 64 + i]);
        y[r] = *sum;
    }
    return 0;
}

// Fails from row 5 on.
int fails_late(void* const*, char*, int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r)
        if (r >= 5) return r == 5 ? 1 : 2;
    return 0;
}

int nothing(void* const*, char*, int64_t, int64_t) {
    return 0;
}

std::thread::id caller;
std::atomic<int> calls_elsewhere{0};
int note_thread(void* const*, char*, int64_t, int64_t) {
    if (std::this_thread::get_id() != caller) ++calls_elsewhere;
    return 0;
}

const std::vector<float> weights(64, 3.0f);

Symbols symbols_here() {
    static const std::map<std::string, KernelFunction> functions = {
        {"twice", twice},     {"row_sums", row_sums},       {"fails_late", fails_late},
        {"nothing", nothing}, {"note_thread", note_thread},
    };
    return {[](const std::string& name) { return functions.at(name); },
            [](const std::string&) -> const void* { return weights.data(); },
            {}};
}

LinkedPlan linked(const Plan& plan) {
    return link(plan, symbols_here());
}

PlanStep step(const std::string& name, const std::string& function, int64_t range, bool parallel,
              std::vector<int> buffers, std::vector<int> writes) {
    PlanStep s;
    s.name = name;
    s.phases = {{function, range, parallel}};
    s.buffers = std::move(buffers);
    s.writes = std::move(writes);
    return s;
}

/// x (external 0) -> twice -> arena -> row_sums -> y (external 1).
Plan two_steps(int64_t rows) {
    Plan plan;
    using Place = PlanBuffer::Place;
    plan.buffers = {{"x", Place::External, 0, rows * 256},
                    {"t", Place::Arena, 64, rows * 256},
                    {"y", Place::External, 1, rows * 4}};
    plan.steps = {step("double", "twice", rows, true, {0, 1}, {1}),
                  step("sum", "row_sums", rows, true, {1, 2}, {2})};
    plan.arena_bytes = 64 + rows * 256;
    plan.scratch_bytes = 64;
    plan.externals = 2;
    return plan;
}

std::vector<float> run_two_steps(int threads, int64_t rows) {
    std::vector<float> x(static_cast<size_t>(rows) * 64), y(static_cast<size_t>(rows));
    for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 97) * 0.1f;
    Executor executor(linked(two_steps(rows)), std::make_shared<Pool>(threads));
    void* externals[] = {x.data(), y.data()};
    for (int i = 0; i < 50; ++i) executor.run(externals);
    return y;
}

TEST(Executor, results_are_the_same_bits_for_any_number_of_threads) {
    std::vector<float> one = run_two_steps(1, 37);
    EXPECT_NE(one[36], 0.0f);
    for (int threads : {2, 3, 5}) EXPECT_EQ(run_two_steps(threads, 37), one) << threads;
}

TEST(Executor, the_first_failed_check_in_iteration_order_is_reported) {
    for (int threads : {1, 2, 4}) {
        Plan plan;
        plan.steps = {step("check", "fails_late", 40, true, {}, {})};
        plan.steps[0].messages = {"Gather_1: row 5", "Gather_1: later"};
        Executor executor(linked(plan), std::make_shared<Pool>(threads));
        try {
            executor.run({});
            FAIL() << "nothing was thrown";
        } catch (const UserError& error) {
            EXPECT_STREQ(error.what(), "Gather_1: row 5") << threads;
        }
    }
}

TEST(Executor, once_steps_run_at_load_into_memory_that_stays) {
    Plan plan;
    using Place = PlanBuffer::Place;
    plan.buffers = {{"w", Place::Constant, 0, 256}, {"packed", Place::Persistent, 0, 256}};
    plan.once = {step("pack", "twice", 1, false, {0, 1}, {1})};
    plan.persistent_bytes = 256;
    Executor executor(linked(plan), std::make_shared<Pool>(1));
    executor.run({});
    EXPECT_EQ(static_cast<float*>(executor.address(1))[63], 6.0f);
}

TEST(Executor, what_once_steps_made_is_held_once_for_all_who_have_its_key) {
    Plan plan;
    using Place = PlanBuffer::Place;
    plan.buffers = {{"w", Place::Constant, 0, 256},
                    {"packed", Place::Packed, 0, 256, "key"},
                    {"x", Place::External, 0, 256}};
    plan.once = {step("pack", "twice", 1, false, {0, 1}, {1})};
    plan.steps = {step("run", "twice", 1, false, {1, 2}, {2})};
    plan.externals = 1;
    auto store = std::make_shared<PackedStore>();
    auto pool = std::make_shared<Pool>(1);
    auto first = std::make_unique<Executor>(linked(plan), pool, std::vector<void*>{}, store);
    static_cast<float*>(first->address(1))[0] = 5;  // shows who runs the step again
    Executor second(linked(plan), pool, {}, store);
    EXPECT_EQ(second.address(1), first->address(1));
    EXPECT_EQ(store->bytes(), 256);
    first.reset();
    std::vector<float> x(64);
    void* externals[] = {x.data()};
    second.run(externals);
    EXPECT_EQ(x[0], 10.0f);
    EXPECT_EQ(x[63], 12.0f);
    plan.buffers[1].key = "another";
    Executor third(linked(plan), pool, {}, store);
    EXPECT_NE(third.address(1), second.address(1));
    EXPECT_EQ(store->bytes(), 512);
}

TEST(PackedStore, what_is_wanted_at_once_lies_in_one_block_and_goes_by_itself) {
    constexpr int64_t kBytes = 6 << 20;
    PackedStore store;
    auto some = store.get({{"a", kBytes}, {"b", 100}, {"a", kBytes}, {"c", kBytes}});
    EXPECT_EQ(some[0], some[2]);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(some[0]->data) % (2 << 20), 0U);  // huge pages
    EXPECT_EQ(some[1]->data, some[0]->data + kBytes);
    EXPECT_EQ(some[3]->data, some[1]->data + 128);
    std::memset(some[0]->data, 1, kBytes);
    std::memset(some[3]->data, 3, kBytes);
    EXPECT_EQ(store.bytes(), 2 * kBytes + 100);
    const auto kept = store.get({{"c", kBytes}, {"d", 8}});
    EXPECT_EQ(kept[0], some[3]);
    const char* gone = some[0]->data;
    some.clear();
    EXPECT_EQ(store.bytes(), kBytes + 8);
    // Its pages are no longer there, those of the other are.
    std::vector<unsigned char> there(kBytes / 4096);
    ASSERT_EQ(mincore(const_cast<char*>(gone), kBytes, there.data()), 0);
    EXPECT_EQ(std::count_if(there.begin(), there.end(), [](int c) { return c & 1; }), 0);
    EXPECT_EQ(kept[0]->data[kBytes - 1], 3);
    EXPECT_THROW(store.get({{"c", 8}}), InternalError);
}

TEST(Executor, a_step_that_must_run_again_leaves_alone_what_others_read) {
    Plan plan;
    using Place = PlanBuffer::Place;
    plan.buffers = {{"w", Place::Constant, 0, 256},
                    {"a", Place::Packed, 0, 256, "a"},
                    {"b", Place::Packed, 1, 256, "b"},
                    {"x", Place::External, 0, 256}};
    // The first step is said to write both; the plan with another key for b needs it again.
    plan.once = {step("pack", "twice", 1, false, {0, 1}, {1, 2}),
                 step("pack_more", "twice", 1, false, {1, 2}, {2})};
    plan.steps = {step("run", "twice", 1, false, {2, 3}, {3})};
    plan.externals = 1;
    auto store = std::make_shared<PackedStore>();
    auto pool = std::make_shared<Pool>(1);
    Executor first(linked(plan), pool, {}, store);
    static_cast<float*>(first.address(1))[0] = 5;
    plan.buffers[2].key = "c";
    Executor second(linked(plan), pool, {}, store);
    EXPECT_EQ(static_cast<float*>(first.address(1))[0], 5.0f);
    EXPECT_NE(second.address(1), first.address(1));
    EXPECT_EQ(static_cast<float*>(second.address(2))[0], 12.0f);
}

TEST(Executor, constants_that_once_steps_alone_read_may_go) {
    Plan plan;
    using Place = PlanBuffer::Place;
    plan.buffers = {{"w", Place::Constant, 0, 256},
                    {"packed", Place::Packed, 0, 256, "key"},
                    {"x", Place::External, 0, 256}};
    plan.once = {step("pack", "twice", 1, false, {0, 1}, {1})};
    plan.steps = {step("run", "twice", 1, false, {1, 2}, {2})};
    plan.externals = 1;
    Symbols symbols = symbols_here();
    Executor executor(link(plan, symbols), std::make_shared<Pool>(1));
    symbols.constant = [](const std::string&) -> const void* { return nullptr; };
    executor.relink(symbols);
    std::vector<float> x(64);
    void* externals[] = {x.data()};
    executor.run(externals);
    EXPECT_EQ(x[63], 12.0f);
    EXPECT_EQ(executor.address(0), nullptr);
    plan.steps[0].buffers = {0, 2};
    Executor reads(link(plan, symbols_here()), std::make_shared<Pool>(1));
    EXPECT_THROW(reads.relink(symbols), UserError);
}

TEST(Executor, a_state_keeps_its_value_between_runs_and_executors) {
    std::vector<float> state(64, 1.0f);
    Plan plan;
    plan.buffers = {{"w", PlanBuffer::Place::State, 0, 256}};
    plan.steps = {step("double", "twice", 1, false, {0, 0}, {0})};
    plan.states = 1;
    for (int i = 0; i < 2; ++i) {
        Executor executor(linked(plan), std::make_shared<Pool>(1), {state.data()});
        executor.run({});
        executor.run({});
    }
    EXPECT_EQ(state[63], 16.0f);
    EXPECT_THROW(Executor(linked(plan), std::make_shared<Pool>(1)), InternalError);
}

TEST(Executor, fills_are_there_from_the_beginning) {
    Plan plan;
    plan.buffers = {{"b", PlanBuffer::Place::Arena, 0, 64}};
    uint32_t minus_inf = 0xff800000u;
    plan.fills = {{0, 4, 3, 4, minus_inf}};
    plan.arena_bytes = 64;
    Executor executor(linked(plan), std::make_shared<Pool>(1));
    auto* b = static_cast<float*>(executor.address(0));
    EXPECT_EQ(b[0], 0.0f);
    EXPECT_EQ(b[1], -INFINITY);
    EXPECT_EQ(b[3], -INFINITY);
    EXPECT_EQ(b[4], 0.0f);
}

TEST(Executor, a_traced_run_says_when_each_thread_worked) {
    Plan plan = two_steps(16);
    for (PlanStep& s : plan.steps) s.work_ns = 1e9;  // long enough to share
    auto pool = std::make_shared<Pool>(3);
    Executor executor(linked(plan), pool);
    std::vector<float> x(16 * 64, 0.5f), y(16), again(16);
    void* externals[] = {x.data(), y.data()};
    executor.run(externals);
    again = y;
    std::fill(y.begin(), y.end(), 0.0f);
    std::vector<Span> spans;
    executor.run_traced(externals, spans);
    EXPECT_EQ(y, again);
    std::map<int, int64_t> covered, ended;  // by step: iterations, and when the last thread ended
    std::map<int, int64_t> free_from;       // by thread
    std::stable_sort(spans.begin(), spans.end(),
                     [](const Span& a, const Span& b) { return a.begin_ns < b.begin_ns; });
    for (const Span& s : spans) {
        EXPECT_LE(s.begin_ns, s.end_ns);
        EXPECT_GE(s.begin_ns, free_from[s.thread]) << "a thread does one thing at a time";
        free_from[s.thread] = s.end_ns;
        if (s.step > 0) {
            EXPECT_GE(s.begin_ns, ended[s.step - 1]);
        }
        covered[s.step] += s.last - s.first;
        ended[s.step] = std::max(ended[s.step], s.end_ns);
    }
    for (size_t i = 0; i < plan.steps.size(); ++i)
        EXPECT_EQ(covered[static_cast<int>(i)], plan.steps[i].phases[0].range);
    EXPECT_EQ(free_from.size(), static_cast<size_t>(pool->threads()));
}

TEST(Executor, a_buffer_outside_the_arena_is_a_fault) {
    Plan plan;
    plan.buffers = {{"b", PlanBuffer::Place::Arena, 64, 64}};
    plan.arena_bytes = 64;
    EXPECT_THROW(Executor(linked(plan), std::make_shared<Pool>(1)), InternalError);
}

TEST(Executor, executors_of_several_threads_take_turns_or_run_side_by_side) {
    auto shared = std::make_shared<Pool>(2);
    std::vector<float> want = run_two_steps(1, 37);
    std::atomic<int> wrong{0};
    auto work = [&](std::shared_ptr<Pool> pool) {
        std::vector<float> x(37 * 64), y(37);
        for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 97) * 0.1f;
        Executor executor(linked(two_steps(37)), pool);
        void* externals[] = {x.data(), y.data()};
        for (int i = 0; i < 200; ++i) {
            executor.run(externals);
            if (y != want) ++wrong;
        }
    };
    std::vector<std::thread> threads;
    for (auto pool : {shared, shared, std::make_shared<Pool>(2)}) threads.emplace_back(work, pool);
    for (std::thread& t : threads) t.join();
    EXPECT_EQ(wrong.load(), 0);
}

// How little a step costs is measured in bench/call_overhead.py.
TEST(Executor, a_step_too_short_to_share_runs_on_the_callers_thread) {
    Plan plan;
    plan.steps.push_back(step("short", "note_thread", 8, true, {}, {}));
    plan.steps[0].work_ns = 100;
    Executor executor(linked(plan), std::make_shared<Pool>(2));
    calls_elsewhere = 0;
    caller = std::this_thread::get_id();
    for (int i = 0; i < 50; ++i) executor.run({});
    EXPECT_EQ(calls_elsewhere.load(), 0);
}

TEST(Pool, workers_of_two_pools_never_share_a_core) {
    Pool a(3), b(3);
    std::vector<int> cores = a.pinned_cores();
    for (int core : b.pinned_cores()) cores.push_back(core);
    cores.erase(std::remove(cores.begin(), cores.end(), -1), cores.end());
    std::sort(cores.begin(), cores.end());
    EXPECT_TRUE(std::adjacent_find(cores.begin(), cores.end()) == cores.end());
}

TEST(Pool, a_core_is_free_again_when_its_pool_is_gone) {
    if (usable_cores() < 2) GTEST_SKIP() << "one core: no worker has one of its own";
    for (int i = 0; i < 2 * usable_cores(); ++i) Pool(2);
    // Another process may hold the cores for a while; pools that are gone hold none.
    bool pinned = false;
    for (int i = 0; i < 200 && !pinned; ++i) {
        pinned = Pool(2).pinned_cores().at(0) >= 0;
        if (!pinned) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    EXPECT_TRUE(pinned);
}

TEST(Pool, sleeping_workers_wake) {
    Pool pool(2);
    std::vector<float> x(64 * 8, 1.0f), y(64 * 8);
    void* buffers[] = {x.data(), y.data()};
    char* scratch[] = {nullptr, nullptr};
    for (int i = 0; i < 5; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        std::fill(y.begin(), y.end(), 0.0f);
        Pool::Lease lease(pool);
        EXPECT_EQ(pool.run(twice, buffers, scratch, 8), 0);
        EXPECT_EQ(std::accumulate(y.begin(), y.end(), 0.0f), 2.0f * 64 * 8);
    }
}

}  // namespace
}  // namespace smeaton::run
