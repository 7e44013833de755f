#include "gir/rewrite/state.h"

#include "base/error.h"
#include "gir/rewrite/fuse.h"
#include "gir/rewrite/test_programs.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {
namespace {

// h is read by `step` through `read`, its next value copied back; `more` steps and kernels between.
Program stepped(const std::string& read, const std::string& more_steps = "",
                const std::string& more = "") {
    return program_of(R"(program stepped
  buffer x: memory f32[i: 3, j: 3] input
  buffer h: memory f32[i: 3, j: 3] state
  buffer n: memory f32[i: 3, j: 3] temp
  buffer y: memory f32[i: 3, j: 3] output
  run step(x, h -> n)
)" + more_steps + R"(  run give(n -> y)
  run copy_h(n -> h)

kernel step(x, h -> n)
  parallel i: 3, j: 3 any
    let t: local f32[]
    binary add t[] <- x[i,j], )" +
                      read + R"(
    move n[i,j] <- t[]

kernel give(n -> y)
  parallel i: 3, j: 3 any
    unary neg y[i,j] <- n[j,i]

kernel copy_h(n -> h)
  parallel i: 3, j: 3 any
    move h[i,j] <- n[i,j]
)" + more);
}

bool has_step(const Program& program, Name kernel) {
    for (const KernelPtr& k : kernels(program))
        if (k->name == kernel) return true;
    return false;
}

TEST(StateInPlace, an_element_that_is_read_and_written_next_needs_no_copy) {
    const Program program = stepped("h[i,j]");
    const Program changed = state_in_place(program, {});
    EXPECT_FALSE(has_step(changed, "copy_h"));
    EXPECT_EQ(changed.find_buffer("n"), nullptr);
    EXPECT_TRUE(means_the_same(program, changed));
}

TEST(StateInPlace, an_element_that_others_still_read_is_set_aside) {
    const Program program = stepped("h[j,i]");
    const Program changed = state_in_place(program, {});
    EXPECT_TRUE(has_step(changed, "copy_h"));
    EXPECT_EQ(print(changed), print(program));
}

TEST(StateInPlace, a_kernel_that_reads_the_old_value_later_keeps_the_copy) {
    const std::string late = R"(
kernel late(h -> y)
  parallel i: 3, j: 3 any
    move y[i,j] <- h[i,j]
)";
    const Program program = stepped("h[i,j]", "  run late(h -> y)\n", late);
    EXPECT_EQ(print(state_in_place(program, {})), print(program));
}

TEST(StateInPlace, a_check_that_comes_later_keeps_the_copy) {
    const std::string guard = R"(
kernel guard(x ->)
  let c: local bool[]
  binary lt c[] <- x[0,0], 100.0
  check c[] "too large"
)";
    const Program program = stepped("h[i,j]", "  run guard(x ->)\n", guard);
    EXPECT_EQ(print(state_in_place(program, {})), print(program));
}

TEST(StateInPlace, a_loop_that_reads_after_it_has_written_keeps_the_copy) {
    const Program program = program_of(R"(program sums
  buffer h: memory f32[i: 4] state
  buffer n: memory f32[i: 4] temp
  run step(h -> n)
  run copy_h(n -> h)

kernel step(h -> n)
  parallel i: 4 any
    for k: 4
      let t: local f32[]
      binary add t[] <- h[i], h[k]
      move n[i] <- t[]

kernel copy_h(n -> h)
  parallel i: 4 any
    move h[i] <- n[i]
)");
    EXPECT_EQ(print(state_in_place(program, {})), print(program));
}

// The data is copied, one row is written over it; its place is checked.
const char* const kCache = R"(program cached
  buffer at: memory i64[n: 1] input
  buffer x: memory f32[j: 5] input
  buffer kv: memory f32[i: 4, j: 5] state
  buffer n: memory f32[i: 4, j: 5] temp
  buffer y: memory f32[i: 4, j: 5] output
  run data(kv -> n)
  run put(at, x -> n)
  run give(n -> y)
  run copy_kv(n -> kv)

kernel data(kv -> n)
  parallel i: 4, j: 5 any
    move n[i,j] <- kv[i,j]

kernel put(at, x -> n)
  parallel j: 5 any
    let q: local i64[]
    let c: local bool[]
    move q[] <- at[0]
    binary lt c[] <- q[], 4
    check c[] "row out of range"
    scatter copy n[q[],j] <- x[j]

kernel give(n -> y)
  parallel i: 4, j: 5 any
    unary neg y[i,j] <- n[i,j]

kernel copy_kv(n -> kv)
  parallel i: 4, j: 5 any
    move kv[i,j] <- n[i,j]
)";

TEST(StateInPlace, a_row_is_written_into_a_cache_behind_its_checks) {
    const Program program = program_of(kCache);
    const Program changed = state_in_place(program, {});
    EXPECT_TRUE(means_the_same(program, changed));
    EXPECT_EQ(changed.find_buffer("n"), nullptr);
    EXPECT_FALSE(has_step(changed, "data"));
    // Out of range: nothing has been written when the check fails.
    std::map<Name, Tensor> inputs = counting_inputs(changed);
    inputs["at"].set_from_int(0, 4);
    interp::Memory memory = interp::make_memory(changed, inputs);
    EXPECT_THROW(interp::run_steps(changed, memory), UserError);
    EXPECT_EQ(interp::from_layout(changed.buffer("kv"), memory.at("kv")).at_as_double(19), 20.0);
}

TEST(StateInPlace, fusing_keeps_what_a_program_with_states_means) {
    for (const Program& program : {stepped("h[i,j]"), stepped("h[j,i]"), program_of(kCache)})
        EXPECT_TRUE(means_the_same(program, fuse(program, {})));
}

TEST(StateInPlace, states_that_change_places_survive_fusing) {
    const Program program = program_of(R"(program swap
  buffer a: memory f32[i: 4] state
  buffer b: memory f32[i: 4] state
  buffer p: memory f32[i: 4] temp
  buffer q: memory f32[i: 4] temp
  run set_p(b -> p)
  run set_q(a -> q)
  run copy_a(p -> a)
  run copy_b(q -> b)

kernel set_p(b -> p)
  parallel i: 4 any
    move p[i] <- b[i]

kernel set_q(a -> q)
  parallel i: 4 any
    unary neg q[i] <- a[i]

kernel copy_a(p -> a)
  parallel i: 4 any
    move a[i] <- p[i]

kernel copy_b(q -> b)
  parallel i: 4 any
    move b[i] <- q[i]
)");
    EXPECT_TRUE(means_the_same(program, fuse(program, {})));
}

}  // namespace
}  // namespace smeaton::gir::rewrite
