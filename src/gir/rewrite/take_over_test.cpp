#include "gir/rewrite/take_over.h"

#include "gir/rewrite/fuse.h"
#include "gir/rewrite/test_programs.h"
#include "gir/verify/verify.h"

namespace smeaton::gir::rewrite {
namespace {

TEST(TakeOver, a_transpose_goes_into_the_map_of_its_reader) {
    const Program program = program_of(R"(program transposed
  buffer x: memory f32[i: 2, j: 3] input
  buffer t: memory f32[j: 3, i: 2] temp
  buffer y: memory f32[j: 3, i: 2] output
  run turn(x -> t)
  run negate(t -> y)

kernel turn(x -> t)
  parallel j: 3, i: 2 any
    move t[j,i] <- x[i,j]

kernel negate(t -> y)
  parallel a: 3, b: 2 any
    unary neg y[a,b] <- t[a,b]
)");
    const Program taken = drop_dead(take_over_by_readers(program, {}), {});
    EXPECT_EQ(print(taken), R"(program transposed
  buffer x: memory f32[i: 2, j: 3] input
  buffer y: memory f32[j: 3, i: 2] output
  run negate(x -> y)

kernel negate(x -> y)
  parallel a: 3, b: 2 any
    unary neg y[a,b] <- x[b,a]
)");
    EXPECT_TRUE(means_the_same(program, taken));
}

TEST(TakeOver, a_dim_that_the_map_makes_a_constant_of_is_a_dim_no_longer) {
    const Program program = program_of(R"(program single
  buffer x: memory f32[e: 1, f: 1] input
  buffer t: memory f32[e: 1] temp
  buffer y: memory f32[i: 1] output
  run negate(x -> t)
  run hand_on(t -> y)

kernel negate(x -> t)
  let r: local f32[e: 1]
  unary neg r[e] <- x[e,0]
  binary add t[e] <- r[e], x[e*2,0]

kernel hand_on(t -> y)
  parallel i: 1 any
    move y[i] <- t[i*2]
)");
    const Program taken = drop_dead(take_over_by_writers(program, {}), {});
    EXPECT_EQ(taken.steps.size(), 1u);
    EXPECT_EQ(find_faults(taken), std::vector<std::string>{});
    EXPECT_TRUE(means_the_same(program, taken));
}

std::string folded_copies(const std::string& fn) {
    const Program program = program_of(R"(program single
  buffer x: memory f32[i: 3] input
  buffer t: memory f32[e: 2, i: 3] temp
  buffer y: memory f32[i: 3] output
  run repeat(x -> t)
  run fold(t -> y)

kernel repeat(x -> t)
  parallel e: 2, i: 3 any
    move t[e,i] <- x[i]

kernel fold(t -> y)
  parallel i: 3 any
    let m: local f32[]
    reduce )" + fn + R"( m[] <- t[e,i] over e: 2
    move y[i] <- m[]
)");
    const Program taken = take_over_by_readers(program, {});
    EXPECT_EQ(find_faults(taken), std::vector<std::string>{});
    EXPECT_TRUE(means_the_same(program, taken));
    return print(taken);
}

TEST(TakeOver, copies_are_folded_once_where_that_is_the_same_and_else_stay) {
    EXPECT_NE(folded_copies("max").find("reduce max m[] <- x[i]"), std::string::npos);
    EXPECT_NE(folded_copies("add").find("reduce add m[] <- t[e,i] over e: 2"), std::string::npos);
}

TEST(TakeOver, a_dim_that_only_bounds_would_ask_for_stays_where_it_is_folded) {
    const Program program = program_of(R"(program single
  buffer x: memory f32[i: 1] input
  buffer t: memory f32[i: 5] temp
  buffer y: memory f32[i: 1] output
  run widen(x -> t)
  run fold(t -> y)

kernel widen(x -> t)
  parallel e: 5 any
    move t[e] <- x[0] within (0 <= e-1 < 3) else 2.0

kernel fold(t -> y)
  parallel i: 1 any
    let m: local f32[]
    fill m[] <- 0.0
    mma m[] += t[e] * t[4-e] over e: 5
    move y[i] <- m[]
)");
    const Program taken = take_over_by_readers(program, {});
    EXPECT_EQ(find_faults(taken), std::vector<std::string>{});
    EXPECT_TRUE(means_the_same(program, taken));
}

TEST(TakeOver, an_axis_of_one_iteration_does_not_travel_with_the_map) {
    const Program program = program_of(R"(program single
  buffer x: memory f32[b: 1, i: 3] input
  buffer t: memory f32[i: 3] temp
  buffer y: memory f32[b: 4, i: 3] output
  run flat(x -> t)
  run repeat(t -> y)

kernel flat(x -> t)
  parallel b: 1, i: 3 any
    move t[i] <- x[b,i]

kernel repeat(t -> y)
  parallel b: 4, i: 3 any
    move y[b,i] <- t[i]
)");
    const Program taken = take_over_by_readers(program, {});
    EXPECT_NE(print(taken).find("y[b,i] <- x[0,i]"), std::string::npos) << print(taken);
    EXPECT_TRUE(means_the_same(program, taken));
}

TEST(TakeOver, a_map_stays_where_its_source_is_written_later) {
    const Program program = program_of(R"(program later
  buffer x: memory f32[i: 4] input
  buffer s: memory f32[i: 4] temp
  buffer t: memory f32[i: 4] temp
  buffer y: memory f32[i: 4] output
  run make(x -> s)
  run keep(s -> t)
  run again(x -> s)
  run use(t, s -> y)

kernel make(x -> s)
  parallel i: 4 any
    move s[i] <- x[i]

kernel keep(s -> t)
  parallel i: 4 any
    move t[i] <- s[3-i]

kernel again(x -> s)
  parallel i: 4 any
    unary neg s[i] <- x[i]

kernel use(t, s -> y)
  parallel i: 4 any
    binary sub y[i] <- t[i], s[i]
)");
    EXPECT_EQ(print(take_over_by_readers(program, {})), print(program));
}

constexpr const char* kConcat = R"(program concat
  buffer x: memory f32[c: 2] input
  buffer a: memory f32[c: 2] temp
  buffer b: memory f32[c: 2] temp
  buffer y: memory f32[c: 4] output
  run left(x -> a)
  run right(x -> b)
  run join(a, b -> y)

kernel left(x -> a)
  parallel c: 2 any
    unary neg a[c] <- x[c]

kernel right(x -> b)
  parallel c: 2 any
    unary exp b[c] <- x[c]

kernel join(a, b -> y)
  parallel c: 2 any
    move y[c] <- a[c]
  parallel c: 2 any
    move y[c+2] <- b[c]
)";

TEST(TakeOver, the_parts_of_a_concat_are_written_in_place) {
    const Program program = program_of(kConcat);
    const Program taken = drop_dead(take_over_by_writers(program, {}), {});
    EXPECT_EQ(print(taken), R"(program concat
  buffer x: memory f32[c: 2] input
  buffer y: memory f32[c: 4] output
  run left(x -> y)
  run right(x -> y)

kernel left(x -> y)
  parallel c: 2 any
    unary neg y[c] <- x[c]

kernel right(x -> y)
  parallel c: 2 any
    unary exp y[c+2] <- x[c]
)");
    EXPECT_TRUE(means_the_same(program, taken));
}

/// Two lists of which the second has all that the first has, in the same order: `all` takes the
/// parts in, `some` is put together from it; then `last` more comes.
Program growing_lists(const std::string& second_part, const std::string& last) {
    return program_of(R"(program lists
  buffer x: memory f32[c: 2, i: 3] input
  buffer z: memory f32[c: 3, i: 3] input
  buffer some: memory f32[c: 4, i: 3] temp
  buffer all: memory f32[c: 7, i: 3] output
  buffer y: memory f32[c: 4, i: 3] output
  run first(x -> all)
  run second(x -> all)
  run some_first(all -> some)
  run some_second(all -> some)
  run last(z -> all)
  run negate(some -> y)

kernel first(x -> all)
  parallel c: 2, i: 3 any
    move all[c,i] <- x[c,i]

kernel second(x -> all)
  parallel c: 2, i: 3 any
    unary neg all[c+2,i] <- x[c,i]

kernel some_first(all -> some)
  parallel c: 2, i: 3 any
    move some[c,i] <- all[c,i]

kernel some_second(all -> some)
  parallel c: 2, i: 3 any
    move some[c+2,i] <- )" +
                      second_part + R"(

kernel last(z -> all)
  parallel c: 3, i: 3 any
    move all)" + last +
                      R"( <- z[c,i]

kernel negate(some -> y)
  parallel c: 4, i: 3 any
    unary neg y[c,i] <- some[c,i]
)");
}

TEST(TakeOver, parts_put_together_as_they_lie_already_are_read_where_they_lie) {
    const Program program = growing_lists("all[c+2,i]", "[c+4,i]");
    const Program taken = drop_dead(take_over_by_readers(program, {}), {});
    EXPECT_EQ(taken.steps.size(), program.steps.size() - 2);
    EXPECT_EQ(taken.find_buffer(Name("some")), nullptr);
    EXPECT_TRUE(means_the_same(program, taken));
}

TEST(TakeOver, parts_that_lie_otherwise_are_copied) {
    const Program program = growing_lists("all[c,i]", "[c+4,i]");
    const Program taken = drop_dead(take_over_by_readers(program, {}), {});
    EXPECT_EQ(print(taken), print(program));
}

TEST(TakeOver, parts_that_change_before_they_are_read_are_copied) {
    const Program program = growing_lists("all[c+2,i]", "[c+3,i]");
    const Program taken = drop_dead(take_over_by_readers(program, {}), {});
    EXPECT_EQ(print(taken), print(program));
}

TEST(TakeOver, a_value_that_is_joined_with_itself_stays) {
    std::string text = kConcat;
    text.replace(text.find("y[c+2] <- b[c]"), 14, "y[c+2] <- a[c]");
    text.replace(text.find("run join(a, b"), 13, "run join(a");
    text.replace(text.find("kernel join(a, b"), 16, "kernel join(a");
    const Program program = program_of(text);
    EXPECT_TRUE(means_the_same(program, fuse(program, {})));
}

TEST(TakeOver, a_part_that_overwrites_a_fill_is_not_written_before_it) {
    const Program program = program_of(R"(program padded
  buffer x: memory f32[i: 2] input
  buffer t: memory f32[i: 2] temp
  buffer y: memory f32[i: 4] output
  run negate(x -> t)
  run pad(t -> y)

kernel negate(x -> t)
  parallel i: 2 any
    unary neg t[i] <- x[i]

kernel pad(t -> y)
  parallel i: 4 any
    fill y[i] <- 7.0
  parallel i: 2 any
    move y[i+1] <- t[i]
)");
    EXPECT_TRUE(means_the_same(program, fuse(program, {})));
}

TEST(TakeOver, a_copy_that_is_changed_is_not_what_later_readers_read) {
    const Program program = program_of(R"(program scattered
  buffer x: memory f32[i: 4] input
  buffer t: memory f32[i: 4] temp
  buffer c: memory f32[i: 4] output
  buffer y: memory f32[i: 4] output
  run negate(x -> t)
  run copy(t -> c)
  run change(c, x -> c)
  run use(t, c -> y)

kernel negate(x -> t)
  parallel i: 4 any
    unary neg t[i] <- x[i]

kernel copy(t -> c)
  parallel i: 4 any
    move c[i] <- t[i]

kernel change(c, x -> c)
  parallel i: 2 any
    binary add c[i+1] <- c[i+1], x[i]

kernel use(t, c -> y)
  parallel i: 4 any
    binary sub y[i] <- t[i], c[i]
)");
    EXPECT_EQ(print(take_over_by_writers(program, {})), print(program));
    EXPECT_TRUE(means_the_same(program, fuse(program, {})));
}

TEST(TakeOver, interleaved_parts_are_apart) {
    std::string text = kConcat;
    text.replace(text.find("y[c+2] <- b[c]"), 14, "y[c*2+1] <- b[c]");
    text.replace(text.find("y[c] <- a[c]"), 12, "y[c*2] <- a[c]");
    const Program program = program_of(text);
    const Program taken = take_over_by_writers(program, {});
    EXPECT_EQ(taken.steps.size(), 2u);
    EXPECT_TRUE(means_the_same(program, taken));
}

}  // namespace
}  // namespace smeaton::gir::rewrite
