#include "gir/rewrite/merge.h"

#include <gtest/gtest.h>

#include "gir/interp/interp.h"
#include "gir/rewrite/rules.h"
#include "gir/rewrite/test_programs.h"
#include "gir/text/parse.h"

namespace smeaton::gir::rewrite {
namespace {

using tensor::Tensor;

// One kernel makes two factors in turn out of one tile; the next uses both.
constexpr const char* kTwoFactors = R"(program factors
  buffer x: memory f32[c: 3] input
  buffer a: memory f32[c: 3] temp
  buffer b: memory f32[c: 3] temp
  buffer y: memory f32[c: 3] output
  run factors(x -> a, b)
  run use(a, b -> y)

kernel factors(x -> a, b)
  parallel c: 3 any
    let t: local f32[]
    binary add t[] <- x[c], 1.0
    move a[c] <- t[]
    binary mul t[] <- t[], 10.0
    move b[c] <- t[]

kernel use(a, b -> y)
  parallel c: 3 any
    let t: local f32[]
    binary sub t[] <- b[c], a[c]
    move y[c] <- t[]
)";

Tensor result(const Program& program) {
    Tensor x(tensor::DType::kF32, {3});
    for (int64_t i = 0; i < 3; ++i) x.set_from_double(i, static_cast<double>(i));
    return interp::run(program, {{"x", x}}).outputs.at("y");
}

TEST(Merge, a_tile_written_again_after_its_store_does_not_carry_the_value) {
    const Program program = parse_program(kTwoFactors, "factors.gir");
    Rules rules;
    const Program merged = merge_loops(program, rules);
    ASSERT_EQ(merged.steps.size(), 1u);
    const Tensor y = result(merged);
    for (int64_t i = 0; i < 3; ++i)
        EXPECT_EQ(y.at_as_double(i), 9.0 * static_cast<double>(i + 1)) << "element " << i;
    EXPECT_TRUE(tensor::same(y, result(program)));
}

TEST(Merge, an_index_travels_in_a_tile_too) {
    const Program program = program_of(R"(program gathered
  buffer x: memory i64[i: 3] input
  buffer table: memory f32[v: 8] input
  buffer ids: memory i64[i: 3] temp
  buffer y: memory f32[i: 3] output
  run shift(x -> ids)
  run gather(table, ids -> y)

kernel shift(x -> ids)
  parallel i: 3 any
    let t: local i64[]
    binary add t[] <- x[i], 1
    move ids[i] <- t[]

kernel gather(table, ids -> y)
  parallel i: 3 any
    let t: local f32[]
    move t[] <- table[ids[i]]
    move y[i] <- t[]
)");
    const Program merged = merge_loops(program, {});
    EXPECT_EQ(merged.steps.size(), 1u);
    EXPECT_TRUE(means_the_same(program, merged));
}

TEST(Merge, a_reader_of_another_view_keeps_its_place) {
    const Program program = program_of(R"(program views
  buffer x: memory f32[i: 4] input
  buffer a: memory f32[i: 4] temp
  buffer b: memory f32[i: 4] output alias of y
  buffer v: memory f32[p: 2, q: 2] output alias of y
  buffer y: memory f32[j: 4] output
  buffer z: memory f32[q: 2, p: 2] output
  buffer w: memory f32[i: 4] output
  run both(x -> a, b)
  run turned(v -> z)
  run use(a, z -> w)

kernel both(x -> a, b)
  parallel i: 4 any
    let t: local f32[]
    binary add t[] <- x[i], 1.0
    move a[i] <- t[]
    move b[i] <- t[]

kernel turned(v -> z)
  parallel p: 2, q: 2 any
    move z[q,p] <- v[p,q]

kernel use(a, z -> w)
  parallel i: 4 any
    let t: local f32[]
    binary mul t[] <- a[i], z[0,0]
    move w[i] <- t[]
)");
    EXPECT_TRUE(means_the_same(program, merge_loops(program, {})));
}

TEST(Merge, what_a_branch_reads_is_still_stored) {
    const Program program = program_of(R"(program branched
  buffer c: memory bool[] input
  buffer x: memory f32[i: 4] input
  buffer a: memory f32[i: 4] temp
  buffer y: memory f32[i: 4] output
  buffer z: memory f32[i: 4] output
  run first(x -> a)
  run second(a -> y)
  branch c
    then
      run copy(a -> z)
    else
      run copy(a -> z)

kernel first(x -> a)
  parallel i: 4 any
    let t: local f32[]
    binary add t[] <- x[i], 1.0
    move a[i] <- t[]

kernel second(a -> y)
  parallel i: 4 any
    let t: local f32[]
    unary neg t[] <- a[i]
    move y[i] <- t[]

kernel copy(a -> z)
  parallel i: 4 any
    move z[i] <- a[i]
)");
    EXPECT_TRUE(means_the_same(program, merge_loops(program, {})));
}

TEST(Merge, a_tile_of_an_inner_loop_does_not_carry_the_value) {
    const Program program = program_of(R"(program inner
  buffer x: memory f32[i: 4] input
  buffer a: memory f32[i: 4] temp
  buffer y: memory f32[i: 4] output
  run first(x -> a)
  run second(a -> y)

kernel first(x -> a)
  parallel i: 4 any
    for k: 2
      let t: local f32[]
      binary add t[] <- x[i], 1.0
      move a[i] <- t[]

kernel second(a -> y)
  parallel i: 4 any
    let t: local f32[]
    unary neg t[] <- a[i]
    move y[i] <- t[]
)");
    EXPECT_TRUE(means_the_same(program, merge_loops(program, {})));
}

TEST(Merge, a_row_reduction_and_its_use_share_the_rows) {
    const Program program = program_of(R"(program rows
  buffer x: memory f32[r: 32, v: 8] input
  buffer m: memory f32[r: 32] temp
  buffer y: memory f32[r: 32, v: 8] output
  run sums(x -> m)
  run shares(x, m -> y)

kernel sums(x -> m)
  parallel r: 32 any
    let t: local f32[]
    reduce add t[] <- x[r,v] over v: 8
    move m[r] <- t[]

kernel shares(x, m -> y)
  parallel r: 32, v: 8 any
    let t: local f32[]
    binary div t[] <- x[r,v], m[r]
    move y[r,v] <- t[]
)");
    const Program merged = merge_loops(program, {});
    EXPECT_EQ(merged.steps.size(), 1u);
    EXPECT_TRUE(means_the_same(program, merged));
}

}  // namespace
}  // namespace smeaton::gir::rewrite
