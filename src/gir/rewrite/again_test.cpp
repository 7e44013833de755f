#include "gir/rewrite/again.h"

#include "gir/rewrite/test_programs.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {
namespace {

// Two layers and their backward half: h and k are kept for it, y is the loss. `update` stands
// before the step that reads h last.
Program two_layers(const std::string& update = "", const std::string& more = "") {
    return program_of(R"(program two_layers
  buffer x: memory f32[i: 3] input
  buffer w: memory f32[i: 3] state
  buffer h: memory f32[i: 3] temp
  buffer view: memory f32[a: 1, b: 3] temp alias of h
  buffer k: memory f32[i: 3] temp
  buffer y: memory f32[i: 3] output
  buffer dk: memory f32[i: 3] temp
  buffer dw: memory f32[i: 3] output
  run first(x, w -> h)
  run second(view -> k)
  run loss(k -> y)
  run back(k -> dk)
)" + update + R"(  run last(dk, h -> dw)

kernel first(x, w -> h)
  parallel i: 3 any
    binary mul h[i] <- x[i], w[i]

kernel second(view -> k)
  parallel i: 3 any
    unary neg k[i] <- view[0,i]

kernel loss(k -> y)
  parallel i: 3 any
    move y[i] <- k[i]

kernel back(k -> dk)
  parallel i: 3 any
    binary mul dk[i] <- k[i], 2.0

kernel last(dk, h -> dw)
  parallel i: 3 any
    binary mul dw[i] <- dk[i], h[i]
)" + more);
}

std::vector<std::string> names_of_steps(const Program& program) {
    std::vector<std::string> names;
    for (const KernelPtr& k : kernels(program)) names.push_back(k->name.str());
    return names;
}

using Names = std::vector<std::string>;

TEST(ComputeAgain, what_the_second_half_reads_is_made_just_before_it_is_read) {
    const Program program = two_layers();
    const Program changed = compute_again(program, {3, {true, true, true}, {}});
    EXPECT_EQ(names_of_steps(changed),
              Names({"first", "second", "loss", "first_again", "second_again", "back", "last"}));
    EXPECT_EQ(kept_bytes(program, 3), 24);
    EXPECT_EQ(kept_bytes(changed, 3), 0);
    EXPECT_TRUE(means_the_same(program, changed));
}

TEST(ComputeAgain, the_copy_of_a_view_shows_the_copy) {
    const Program changed = compute_again(two_layers(), {3, {true, true, true}, {}});
    EXPECT_EQ(changed.buffer("view_again").alias_of, Name("h_again"));
    const Kernel& again = *kernels(changed)[4];
    EXPECT_EQ(again.reads, std::vector<Name>{"view_again"});
    EXPECT_EQ(again.writes, std::vector<Name>{"k_again"});
}

TEST(ComputeAgain, what_passes_between_parts_is_kept) {
    const Program program = two_layers();
    const Program changed = compute_again(program, {3, {true, true, true}, {0, 1, 1}});
    EXPECT_EQ(names_of_steps(changed),
              Names({"first", "second", "loss", "second_again", "back", "last"}));
    EXPECT_EQ(kept_bytes(changed, 3), 12);  // h
    EXPECT_TRUE(means_the_same(program, changed));
}

TEST(ComputeAgain, a_step_that_may_not_run_again_keeps_what_it_makes) {
    const Program program = two_layers();
    EXPECT_EQ(print(compute_again(program, {3, {false, false, false}, {}})), print(program));
    const Program changed = compute_again(program, {3, {true, false, false}, {}});
    EXPECT_EQ(names_of_steps(changed),
              Names({"first", "second", "loss", "back", "first_again", "last"}));
    EXPECT_TRUE(means_the_same(program, changed));
}

TEST(ComputeAgain, what_was_made_of_a_state_that_has_changed_is_kept) {
    const std::string grow = R"(
kernel grow(w -> w)
  parallel i: 3 any
    binary add w[i] <- w[i], 1.0
)";
    const Program program = two_layers("  run grow(w -> w)\n", grow);
    const Program changed = compute_again(program, {3, {true, false, true}, {}});
    EXPECT_EQ(print(changed), print(program));
}

TEST(ComputeAgain, a_step_that_writes_an_output_runs_once) {
    const Program program = program_of(R"(program both
  buffer x: memory f32[i: 3] input
  buffer h: memory f32[i: 3] temp
  buffer y: memory f32[i: 3] output
  buffer z: memory f32[i: 3] output
  run first(x -> h, y)
  run last(h -> z)

kernel first(x -> h, y)
  parallel i: 3 any
    unary neg h[i] <- x[i]
    move y[i] <- x[i]

kernel last(h -> z)
  parallel i: 3 any
    move z[i] <- h[i]
)");
    EXPECT_EQ(print(compute_again(program, {1, {true}, {}})), print(program));
}

}  // namespace
}  // namespace smeaton::gir::rewrite
