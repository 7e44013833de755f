#include "run/teams.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <random>
#include <thread>

#include "base/error.h"
#include "run/dependence.h"
#include "run/executor.h"
#include "run/plan_text.h"

namespace smeaton::run {
namespace {

constexpr int64_t kElements = 64;  // of a row: one iteration

// out = mixed(a, b), row by row; out may be a.
int mix(void* const* buffers, char*, int64_t begin, int64_t end) {
    auto* a = static_cast<const uint32_t*>(buffers[0]);
    auto* b = static_cast<const uint32_t*>(buffers[1]);
    auto* out = static_cast<uint32_t*>(buffers[2]);
    for (int64_t i = begin * kElements; i < end * kElements; ++i)
        out[i] = a[i] * 2654435761u + (b[i] ^ static_cast<uint32_t>(i));
    return 0;
}

// out = a, each row through scratch, and then turned over.
int through_scratch(void* const* buffers, char* scratch, int64_t begin, int64_t end) {
    auto* a = static_cast<const char*>(buffers[0]);
    auto* out = static_cast<char*>(buffers[2]);
    for (int64_t r = begin; r < end; ++r) {
        std::memcpy(scratch, a + r * kElements * 4, kElements * 4);
        std::reverse(scratch, scratch + kElements * 4);
        std::memcpy(out + r * kElements * 4, scratch, kElements * 4);
    }
    return 0;
}

int fails(void* const*, char*, int64_t begin, int64_t) {
    return begin == 0 ? 1 : 2;
}

std::atomic<int> begun{0};
// Ends when two of them have begun; fails when that takes too long.
int meets_another(void* const*, char*, int64_t, int64_t) {
    ++begun;
    auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (begun.load() < 2)
        if (std::chrono::steady_clock::now() > deadline) return 1;
    return 0;
}

std::atomic<int> rows_done{0};
int does_rows(void* const*, char*, int64_t begin, int64_t end) {
    rows_done += static_cast<int>(end - begin);
    return 0;
}
// Ends when all eight rows are done; fails when that takes too long.
int waits_for_rows(void* const*, char*, int64_t, int64_t) {
    auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (rows_done.load() < 8)
        if (std::chrono::steady_clock::now() > deadline) return 1;
    return 0;
}

Symbols symbols() {
    Symbols s;
    s.function = [](const std::string& name) -> KernelFunction {
        if (name == "mix") return mix;
        if (name == "through_scratch") return through_scratch;
        if (name == "fails") return fails;
        if (name == "meets_another") return meets_another;
        if (name == "does_rows") return does_rows;
        if (name == "waits_for_rows") return waits_for_rows;
        return nullptr;
    };
    return s;
}

using Place = PlanBuffer::Place;

bool overlap(const PlanBuffer& a, const PlanBuffer& b) {
    return a.place == b.place && a.at < b.at + b.bytes && b.at < a.at + a.bytes;
}

// Buffers anywhere in a small arena, in states and outside; steps that read two and write a third.
// What a step writes overlaps nothing that it reads but itself.
Plan random_plan(std::mt19937& random) {
    auto below = [&](int n) { return static_cast<int>(random() % static_cast<uint32_t>(n)); };
    const int64_t rows = 1 + below(6), bytes = rows * kElements * 4;
    Plan plan;
    plan.arena_bytes = 64 * 120 + bytes;
    plan.scratch_bytes = kElements * 4;
    plan.externals = 2;
    plan.states = 2;
    plan.buffers = {{"x", Place::External, 0, bytes},
                    {"y", Place::External, 1, bytes},
                    {"s", Place::State, 0, bytes},
                    {"t", Place::State, 1, bytes}};
    for (int i = 0; i < 8; ++i)
        plan.buffers.push_back({"b" + std::to_string(i), Place::Arena, 64 * below(120), bytes});
    for (int i = 0; i < 24; ++i) {
        PlanStep step;
        step.name = "step_" + std::to_string(i);
        const int a = below(12), b = below(12);
        int out = 0;  // x is never written
        auto reads = [&](int n) {
            return n != out && overlap(plan.buffers[static_cast<size_t>(n)],
                                       plan.buffers[static_cast<size_t>(out)]);
        };
        do out = below(4) == 0 ? a : 1 + below(11);
        while (out == 0 || reads(a) || reads(b) || b == out);
        step.buffers = {a, b, out};
        step.writes = {out};
        step.phases.push_back({"mix", rows, below(4) > 0});
        if (a != out && below(2) > 0) step.phases.push_back({"through_scratch", rows, true});
        if (below(4) == 0 && plan.buffers[static_cast<size_t>(out)].place == Place::Arena)
            plan.fills.push_back({out, 4, 3, 4, random()});
        plan.steps.push_back(step);
    }
    return plan;
}

// Any order that the dependences allow, any teams.
Plan shuffled(Plan plan, int threads, std::mt19937& random) {
    std::vector<int> ready;
    std::vector<size_t> left;
    for (const PlanStep& s : plan.steps) left.push_back(s.after.size());
    for (size_t i = 0; i < left.size(); ++i)
        if (left[i] == 0) ready.push_back(static_cast<int>(i));
    while (!ready.empty()) {
        const size_t k = random() % ready.size();
        const int next = ready[k];
        ready.erase(ready.begin() + static_cast<long>(k));
        plan.order.push_back(next);
        for (size_t i = 0; i < left.size(); ++i) {
            const std::vector<int>& after = plan.steps[i].after;
            if (std::find(after.begin(), after.end(), next) == after.end()) continue;
            if (--left[i] == 0) ready.push_back(static_cast<int>(i));
        }
    }
    for (PlanStep& s : plan.steps) {
        if (random() % 8 == 0) continue;  // all threads
        s.team.first = static_cast<int>(random() % static_cast<uint32_t>(threads));
        s.team.count =
            1 + static_cast<int>(random() % static_cast<uint32_t>(threads - s.team.first));
    }
    return plan;
}

// All bytes that a plan can leave behind.
struct Left {
    std::vector<std::vector<uint32_t>> outside;
    std::vector<char> arena;
    std::string error;
    friend bool operator==(const Left&, const Left&) = default;
};

Left run_twice(const Plan& plan, int threads) {
    Left left;
    const auto elements = static_cast<size_t>(plan.buffers[0].bytes / 4);
    for (uint32_t k = 0; k < 4; ++k) {
        left.outside.emplace_back(elements);
        for (size_t i = 0; i < elements; ++i)
            left.outside.back()[i] = static_cast<uint32_t>(i) * 77777u + k;
    }
    auto& o = left.outside;
    Executor executor(link(plan, symbols()), std::make_shared<Pool>(threads),
                      {o[2].data(), o[3].data()});
    void* externals[] = {o[0].data(), o[1].data()};
    try {
        for (int i = 0; i < 2; ++i) executor.run(externals);
    } catch (const UserError& error) {
        left.error = error.what();
        return left;
    }
    for (size_t b = 0; b < plan.buffers.size(); ++b) {
        if (plan.buffers[b].place != Place::Arena) continue;
        auto* bytes = static_cast<const char*>(executor.address(static_cast<int>(b)));
        left.arena.insert(left.arena.end(), bytes, bytes + plan.buffers[b].bytes);
    }
    return left;
}

void add_dependences(Plan& plan) {
    std::vector<std::vector<int>> after = dependences(plan);
    for (size_t i = 0; i < after.size(); ++i) plan.steps[i].after = after[i];
}

TEST(Teams, any_order_and_any_teams_give_the_bits_of_list_order) {
    std::mt19937 random(7);
    for (int i = 0; i < 40; ++i) {
        Plan plan = random_plan(random);
        add_dependences(plan);
        const Left want = run_twice(plan, 1);
        EXPECT_EQ(run_twice(plan, 3), want);
        for (int threads : {1, 2, 4}) {
            const Plan other = shuffled(plan, threads, random);
            EXPECT_EQ(run_twice(other, threads), want) << print(other);
        }
    }
}

TEST(Teams, a_failed_check_gives_the_message_and_the_states_of_list_order) {
    std::mt19937 random(11);
    for (int i = 0; i < 20; ++i) {
        Plan plan = random_plan(random);
        for (size_t k : {random() % 6, random() % plan.steps.size()}) {
            PlanStep& step = plan.steps[k];
            step.phases.push_back({"fails", 3, true});
            step.messages = {step.name + " failed", "later"};
        }
        add_dependences(plan);
        const Left want = run_twice(plan, 1);
        EXPECT_NE(want.error, "");
        for (int threads : {1, 2, 4}) {
            const Left got = run_twice(shuffled(plan, threads, random), threads);
            EXPECT_EQ(got.error, want.error);
            EXPECT_EQ(got.outside[2], want.outside[2]);
            EXPECT_EQ(got.outside[3], want.outside[3]);
        }
    }
}

TEST(Teams, steps_on_teams_apart_run_at_the_same_time) {
    Plan plan;
    plan.steps = {{"a", {{"meets_another", 1, false}}, {}, {}, {"alone"}, {}, {0, 1}},
                  {"b", {{"meets_another", 1, false}}, {}, {}, {"alone"}, {}, {1, 1}}};
    Executor executor(link(plan, symbols()), std::make_shared<Pool>(2));
    begun = 0;
    EXPECT_NO_THROW(executor.run({}));
    std::vector<int64_t> ns;
    begun = 0;
    executor.run_timed({}, ns);
    EXPECT_EQ(ns.size(), 2u);
}

void expect_all_rows(const Plan& plan) {
    Executor executor(link(plan, symbols()), std::make_shared<Pool>(2));
    for (int run = 0; run < 3; ++run) {
        rows_done = 0;
        EXPECT_NO_THROW(executor.run({}));
        EXPECT_EQ(rows_done, 8);
    }
}

TEST(Teams, what_a_member_that_comes_late_would_do_is_done_by_the_others) {
    Plan plan;
    plan.steps = {{"held", {{"waits_for_rows", 1, false}}, {}, {}, {"it waited"}, {}, {1, 1}},
                  {"shared", {{"does_rows", 8, true}}, {}, {}, {}, {}, {0, 2}}};
    expect_all_rows(plan);
}

TEST(Teams, who_must_wait_helps_with_what_is_shared_behind) {
    Plan plan;
    plan.steps = {{"held", {{"waits_for_rows", 1, false}}, {}, {}, {"it waited"}, {}, {1, 1}},
                  {"after", {}, {}, {}, {}, {0}, {0, 2}},
                  {"shared", {{"does_rows", 8, true}}, {}, {}, {}, {}, {0, 2}}};
    expect_all_rows(plan);
}

TEST(Teams, a_traced_run_has_the_part_of_every_thread) {
    std::mt19937 random(31);
    for (int i = 0; i < 20; ++i) {
        Plan plan = random_plan(random);
        add_dependences(plan);
        const Plan beside = shuffled(plan, 3, random);
        std::vector<std::vector<uint32_t>> outside(4, std::vector<uint32_t>(6 * kElements));
        Executor executor(link(beside, symbols()), std::make_shared<Pool>(3),
                          {outside[2].data(), outside[3].data()});
        void* externals[] = {outside[0].data(), outside[1].data()};
        std::vector<Span> spans;
        executor.run_traced(externals, spans);
        std::vector<int64_t> done(beside.steps.size()), begin(beside.steps.size(), INT64_MAX),
            end(beside.steps.size());
        for (const Span& s : spans) {
            const auto step = static_cast<size_t>(s.step);
            done[step] += s.last - s.first;
            begin[step] = std::min(begin[step], s.begin_ns);
            end[step] = std::max(end[step], s.end_ns);
            const Team& team = beside.steps[step].team;
            EXPECT_TRUE(team.count == 0 ||
                        (s.thread >= team.first && s.thread < team.first + team.count));
        }
        for (size_t k = 0; k < beside.steps.size(); ++k) {
            int64_t range = 0;
            for (const PlanPhase& phase : beside.steps[k].phases) range += phase.range;
            EXPECT_EQ(done[k], range);
            for (int before : beside.steps[k].after)
                EXPECT_LE(end[static_cast<size_t>(before)], begin[k]);
        }
    }
}

TEST(Teams, an_order_against_a_dependence_or_a_team_that_is_not_there_is_a_fault) {
    Plan plan;
    plan.buffers = {{"b", Place::Arena, 0, 256}};
    plan.arena_bytes = 256;
    const PlanStep step{"s", {{"mix", 1, false}}, {0, 0, 0}, {0}, {}, {}, {}};
    plan.steps = {step, step};
    add_dependences(plan);
    EXPECT_EQ(plan.steps[1].after, std::vector<int>{0});
    plan.order = {0, 1};
    EXPECT_NO_THROW(check_order(plan, 1));
    for (const std::vector<int>& wrong : {std::vector<int>{1, 0}, {0}, {0, 0}, {0, 2}}) {
        plan.order = wrong;
        EXPECT_THROW(check_order(plan, 1), InternalError);
    }
    plan.order = {};
    plan.steps[0].team = {1, 1};
    EXPECT_THROW(check_order(plan, 1), InternalError);
    EXPECT_NO_THROW(check_order(plan, 2));
}

TEST(Teams, overlapping_places_make_steps_depend_on_each_other) {
    Plan plan;
    plan.buffers = {{"a", Place::Arena, 0, 128},
                    {"b", Place::Arena, 64, 128},
                    {"c", Place::Arena, 192, 64},
                    {"w", Place::Constant, 0, 64}};
    auto step = [](std::vector<int> buffers, std::vector<int> writes) {
        return PlanStep{"s", {}, std::move(buffers), std::move(writes), {}, {}, {}};
    };
    plan.steps = {step({3, 0}, {0}), step({3, 2}, {2}), step({1}, {}), step({0, 1}, {}),
                  step({2, 1}, {1})};
    const std::vector<std::vector<int>> want = {{}, {}, {0}, {0}, {1, 2, 3}};
    EXPECT_EQ(dependences(plan), want);
}

// What dependences() says, by its definition: each pair of steps and each pair of their buffers.
std::vector<std::vector<int>> by_pairs(const Plan& plan) {
    const size_t n = plan.steps.size();
    auto written = [](const PlanStep& s, int b) {
        return std::find(s.writes.begin(), s.writes.end(), b) != s.writes.end();
    };
    auto conflict = [&](const PlanStep& later, const PlanStep& earlier) {
        for (int a : later.buffers)
            for (int b : earlier.buffers) {
                const PlanBuffer &x = plan.buffers[static_cast<size_t>(a)],
                                 &y = plan.buffers[static_cast<size_t>(b)];
                const bool numbered = x.place == Place::State || x.place == Place::External;
                const bool meet = x.place == y.place && x.place != Place::Constant &&
                                  (numbered ? x.at == y.at : overlap(x, y));
                if (meet && (written(later, a) || written(earlier, b))) return true;
            }
        if (earlier.messages.empty()) return false;
        return std::any_of(later.writes.begin(), later.writes.end(), [&](int b) {
            return plan.buffers[static_cast<size_t>(b)].place == Place::State;
        });
    };
    std::vector<std::vector<int>> after(n);
    std::vector<std::vector<bool>> behind(n, std::vector<bool>(n));
    for (size_t i = 0; i < n; ++i) {
        for (size_t j = i; j-- > 0;) {
            if (behind[i][j] || !conflict(plan.steps[i], plan.steps[j])) continue;
            after[i].push_back(static_cast<int>(j));
            behind[i][j] = true;
            for (size_t k = 0; k < j; ++k) behind[i][k] = behind[i][k] || behind[j][k];
        }
        std::reverse(after[i].begin(), after[i].end());
    }
    return after;
}

TEST(Dependences, are_those_of_all_pairs_without_what_others_imply) {
    std::mt19937 random(29);
    for (int i = 0; i < 400; ++i) {
        Plan plan = random_plan(random);
        for (PlanStep& s : plan.steps)
            if (random() % 8 == 0) s.messages = {"a check"};
        EXPECT_EQ(dependences(plan), by_pairs(plan)) << print(plan);
    }
}

TEST(Dependences, parts_of_a_buffer_are_apart_where_the_caller_says_so) {
    Plan plan;
    plan.buffers = {{"old", Place::Arena, 0, 128}, {"whole", Place::Arena, 0, 128}};
    auto step = [](std::vector<int> buffers, std::vector<int> writes) {
        return PlanStep{"s", {}, std::move(buffers), std::move(writes), {}, {}, {}};
    };
    // Two steps write parts of what a third reads whole; its bytes were another buffer's before.
    plan.steps = {step({0}, {0}), step({1}, {1}), step({1}, {1}), step({1}, {})};
    const std::vector<std::vector<int>> within = {{}, {}, {}, {1, 2}};
    const std::vector<std::vector<int>> want = {{}, {0}, {0}, {1, 2}};
    EXPECT_EQ(dependences(plan, &within), want);
    const std::vector<std::vector<int>> one_after_another = {{}, {0}, {1}, {2}};
    EXPECT_EQ(dependences(plan), one_after_another);
}

TEST(Dependences, of_a_hundred_thousand_steps_take_no_time_to_speak_of) {
    Plan plan;
    constexpr int kSteps = 100'000, kPlaces = 8;
    for (int i = 0; i < kPlaces; ++i) plan.buffers.push_back({"b", Place::Arena, 64 * i, 64});
    for (int i = 0; i < kSteps; ++i) {
        const int to = i % kPlaces, from = (i + kPlaces - 1) % kPlaces;
        // Each reads what the one before it wrote, each seventh besides what is older.
        plan.steps.push_back({"s", {}, {from, to}, {to}, {}, {}, {}});
        if (i % 7 == 0) plan.steps.back().buffers.push_back((to + 3) % kPlaces);
    }
    const auto begin = std::chrono::steady_clock::now();
    const std::vector<std::vector<int>> after = dependences(plan);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
    EXPECT_EQ(after.back(), std::vector<int>{kSteps - 2});
}

TEST(PlanText, prints_and_reads_back_the_same_plan) {
    std::mt19937 random(3);
    for (int i = 0; i < 20; ++i) {
        Plan plan = random_plan(random);
        add_dependences(plan);
        plan = shuffled(plan, 4, random);
        plan.once.push_back(plan.steps[0]);
        plan.once[0].name = "a name/with signs";
        plan.once[0].after.clear();
        plan.once[0].team = {};
        plan.once[0].messages = {"one \"quoted\"", "two"};
        plan.once[0].work_ns = 0.1 * i;
        plan.buffers.push_back({"w", Place::Constant, 0, 4});
        const std::string text = print(plan);
        EXPECT_TRUE(parse_plan(text, "plan.txt") == plan) << text;
        EXPECT_EQ(print(parse_plan(text, "plan.txt")), text);
    }
    EXPECT_TRUE(parse_plan(print(Plan{}), "plan.txt") == Plan{});
}

TEST(PlanText, errors_name_the_place) {
    auto fails_with = [](const std::string& text, const std::string& message) {
        try {
            parse_plan(text, "p.plan");
            ADD_FAILURE() << "no error for " << text;
        } catch (const UserError& error) {
            EXPECT_NE(std::string(error.what()).find(message), std::string::npos) << error.what();
        }
    };
    fails_with("plan\n  step s(0)\n", "p.plan:2:10: there is no buffer 0");
    fails_with("plan\n  size 3\n", "p.plan:2:3: expected a buffer, a fill, a step or a size");
    fails_with("plan\n  buffer 1 b: arena 0 bytes 4\n", "this one is 0");
    fails_with("plan\n  step s() after 0\n", "p.plan:2:18: there is no step 0 above");
    fails_with("plan\n  step s()\n  order 1\n", "p.plan:3:9: there is no step 1 above");
}

TEST(Link, names_what_is_missing) {
    Plan plan;
    plan.steps = {{"s", {{"none", 1, false}}, {}, {}, {}, {}, {}}};
    EXPECT_THROW(link(plan, symbols()), UserError);
    plan.steps.clear();
    plan.buffers = {{"w", Place::Constant, 0, 4}};
    EXPECT_THROW(link(plan, symbols()), UserError);
}

}  // namespace
}  // namespace smeaton::run
