#include "run/alive.h"

#include <gtest/gtest.h>

namespace smeaton::run {
namespace {

PlanStep step_on(std::vector<int> buffers) {
    PlanStep s;
    s.buffers = std::move(buffers);
    return s;
}

TEST(Alive, CountsWhatLiesBetweenFirstAndLastUseAndSharedBytesOnce) {
    using Place = PlanBuffer::Place;
    Plan plan;
    plan.buffers = {{"x", Place::External, 0, 64},
                    {"a", Place::Arena, 0, 128},
                    {"view", Place::Arena, 64, 64},  // the second half of a
                    {"b", Place::Arena, 128, 32},
                    {"c", Place::Arena, 0, 64}};  // where a was
    plan.steps = {step_on({0, 1}), step_on({2, 3}), step_on({3, 4}), step_on({4, 0})};
    EXPECT_EQ(arena_bytes_alive(plan), (std::vector<int64_t>{128, 64 + 32, 32 + 64, 64}));
}

}  // namespace
}  // namespace smeaton::run
