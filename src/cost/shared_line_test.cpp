#include "cost/shared_line.h"

#include <gtest/gtest.h>

namespace smeaton::cost {
namespace {

TEST(SharedLine, the_first_turns_take_what_is_left_over) {
    SharedLine line;
    const int a = line.add_user(0), b = line.add_user(1);
    EXPECT_EQ(line.serve(0, 10, 1, a), 10);
    EXPECT_EQ(line.serve(0, 10, 1, b), 20);
    // Looked at later, but earlier in time: around what was given away.
    EXPECT_EQ(line.serve(100, 10, 1, a), 110);
    EXPECT_EQ(line.serve(95, 10, 1, b), 115);
    EXPECT_EQ(line.use.busy_ns, 40);
}

TEST(SharedLine, turns_that_meet_share_evenly) {
    SharedLine line;
    const int a = line.add_user(0), b = line.add_user(1);
    double a_end = 0, b_end = 0, start = 0;
    for (int turn = 0; turn < 12; ++turn, start += 40) {
        a_end = line.serve(start, 10, 1, a) - start;
        b_end = line.serve(start + 5, 10, 1, b) - start;
    }
    // a alone for 5, then both at half: a has 5 left, which take 10; then b alone.
    EXPECT_NEAR(a_end, 15, 1e-9);
    EXPECT_NEAR(b_end, 20, 1e-9);
    // All later by as much: nothing else changes.
    line.shift(1000);
    EXPECT_NEAR(line.serve(start + 1000, 10, 1, a) - start - 1000, 15, 1e-9);
}

TEST(SharedLine, who_cannot_take_an_even_share_leaves_the_rest) {
    SharedLine line;
    const int slow = line.add_user(0), fast = line.add_user(1);
    double slow_end = 0, fast_end = 0, start = 0;
    for (int turn = 0; turn < 12; ++turn, start += 100) {
        slow_end = line.serve(start, 10, 0.25, slow) - start;
        fast_end = line.serve(start, 15, 1, fast) - start;
    }
    EXPECT_NEAR(slow_end, 40, 1e-9);
    EXPECT_NEAR(fast_end, 20, 1e-9);  // three quarters of the line
}

}  // namespace
}  // namespace smeaton::cost
