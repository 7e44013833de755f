#include "run/copies.h"

#include <gtest/gtest.h>

#include <memory>

#include "base/error.h"
#include "run/dependence.h"
#include "run/executor.h"

namespace smeaton::run {
namespace {

using Place = PlanBuffer::Place;

// out[i] = in[i] + w[i]
int add(void* const* buffers, char*, int64_t begin, int64_t end) {
    const auto *in = static_cast<const int*>(buffers[0]), *w = static_cast<const int*>(buffers[1]);
    auto* out = static_cast<int*>(buffers[2]);
    for (int64_t i = begin; i < end; ++i) out[i] = in[i] + w[i];
    return 0;
}

const std::vector<int> kConstant(16, 100);

/// x -> t (a temp in the arena) -> y, and the state counts by what once steps packed.
Plan sample() {
    Plan plan;
    plan.buffers = {{"x", Place::External, 0, 64}, {"y", Place::External, 1, 64},
                    {"s", Place::State, 0, 64},    {"t", Place::Arena, 0, 64},
                    {"w", Place::Constant, 0, 64}, {"p", Place::Persistent, 0, 64},
                    {"f", Place::Arena, 64, 64}};
    plan.arena_bytes = 128;
    plan.persistent_bytes = 64;
    plan.externals = 2;
    plan.states = 1;
    plan.fills = {{6, 0, 16, 4, 7}};
    const auto step = [](const char* name, std::vector<int> buffers) {
        PlanStep s{name, {{"add", 16, true}}, buffers, {buffers.back()}, {}, {}, {}};
        return s;
    };
    plan.once = {step("pack", {4, 4, 5})};
    plan.steps = {step("a", {0, 6, 3}), step("b", {3, 5, 1}), step("count", {2, 5, 2})};
    const std::vector<std::vector<int>> after = dependences(plan);
    for (size_t i = 0; i < after.size(); ++i) plan.steps[i].after = after[i];
    return plan;
}

TEST(Copies, run_side_by_side_on_memory_of_their_own) {
    constexpr int kCopies = 3;
    Plan plan = copies_of(sample(), kCopies);
    const std::vector<std::vector<int>> after = dependences(plan);
    ASSERT_EQ(plan.steps.size(), 9U);
    for (size_t i = 0; i < plan.steps.size(); ++i) {
        EXPECT_EQ(plan.steps[i].after, after[i]) << i;
        plan.steps[i].team = {static_cast<int>(i) / 3 % 2, 1};
    }
    std::vector<std::vector<int>> x(kCopies, std::vector<int>(16)), y = x, s = x;
    std::vector<void*> externals, states;
    for (size_t c = 0; c < kCopies; ++c) {
        for (size_t i = 0; i < 16; ++i) x[c][i] = static_cast<int>(1000 * c + i);
        externals.push_back(x[c].data());
        externals.push_back(y[c].data());
        states.push_back(s[c].data());
    }
    Executor executor(link(plan, {[](const std::string&) { return add; },
                                  [](const std::string&) { return kConstant.data(); },
                                  {}}),
                      std::make_shared<Pool>(2), states);
    executor.run(externals);
    executor.run(externals);
    for (size_t c = 0; c < kCopies; ++c)
        for (size_t i = 0; i < 16; ++i) {
            EXPECT_EQ(y[c][i], x[c][i] + 7 + 200);
            EXPECT_EQ(s[c][i], 400);
        }
}

TEST(Copies, in_turn_no_step_begins_before_the_one_before_it_has_ended) {
    EXPECT_TRUE(sample().steps[2].after.empty());  // it could
    const Plan plan = copies_in_turn(sample(), 2, 3);
    ASSERT_EQ(plan.steps.size(), 6U);
    for (int i = 0; i < 6; ++i) {
        const PlanStep& step = plan.steps[static_cast<size_t>(i)];
        EXPECT_EQ(step.after, i % 3 == 0 ? std::vector<int>() : std::vector<int>{i - 1}) << i;
        EXPECT_EQ(step.team, (Team{i / 3 * 3, 3})) << i;
    }
}

TEST(Copies, memory_that_they_would_share_is_not_written) {
    Plan plan = sample();
    plan.steps[0].writes = {5};
    EXPECT_THROW(copies_of(plan, 2), InternalError);
    EXPECT_TRUE(copies_of(plan, 1) == plan);
}

}  // namespace
}  // namespace smeaton::run
