#include "gir/rewrite/vectorize.h"

#include <fmt/core.h>
#include <gmock/gmock.h>

#include "gir/common_cpu.h"
#include "gir/rewrite/nest.h"
#include "gir/rewrite/test_programs.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {
namespace {

using testing::HasSubstr;
using testing::Not;

/// Rows of x, channels innermost, go to y; a sum for each channel goes to one column of s.
Program sums_and_rows(int64_t rows) {
    return program_of(fmt::format(R"(program sums
  buffer x: memory f32[i: {0}, c: 32] input
  buffer y: memory f32[i: {0}, c: 32] output
  buffer s: memory f32[c: 32, k: 9] output
  run sums(x -> y, s)

kernel sums(x -> y, s)
  parallel c: 32 any
    let m: local f32[]
    reduce add m[] <- x[v,c] over v: {0}
    move s[c,4] <- m[]
    parallel i: {0} any
      move y[i,c] <- x[i,c]
)",
                                  rows));
}

Name lane_of(const Program& program) {
    const KernelPtr kernel = kernels(program).front();
    return lane_axis(program, nest_of(kernel->body.front(), true));
}

TEST(LaneAxis, few_elements_may_be_stored_across_it) {
    EXPECT_EQ(lane_of(sums_and_rows(256)), Name("c"));
}

TEST(LaneAxis, is_none_where_many_are_stored_across_it) {
    EXPECT_EQ(lane_of(sums_and_rows(16)), Name());
}

// Two axes walk the channels of a pixel, one by threes: all of a pixel is stored before the next.
TEST(Vectorize, axes_of_one_innermost_dim_go_together) {
    const Program program = program_of(R"(program shuffled
  buffer x: memory f32[g: 3, c: 64, p: 5] input [p, g, c]
  buffer y: memory f32[k: 192, p: 5] output [p, k]
  run turn(x -> y)

kernel turn(x -> y)
  parallel c: 64, g: 3, p: 5 any
    move y[c*3+g,p] <- x[g,c,p]
)");
    std::set<Name> taken;
    std::map<Name, int64_t> placed;
    Kernel tiled = *kernels(program).front();
    tiled.body = vectorize(program, tiled.body.front(), common_cpu(64, 32, 1), taken, placed, true);
    const Program after = map_kernels(
        program, [&](const KernelPtr&) { return std::make_shared<const Kernel>(tiled); });
    EXPECT_THAT(print(after), HasSubstr("parallel p: 5, c: 64 core\n    move y[c*3+g,p]"));
    EXPECT_TRUE(means_the_same(program, after));
}

/// A sum of pixels with channels innermost, as lowering writes it: the channels' loop first.
Name shared_axis(const std::string& channels) {
    const Program program = program_of(R"(program rows
  buffer x: dram f32[c: 64, h: 32, w: 8] input [h, w, c]
  buffer y: dram f32[c: 64, h: 32, w: 8] output )" +
                                       channels + R"(
  run twice(x -> y)

kernel twice(x -> y)
  parallel c: 64, h: 32, w: 8 any
    binary add y[c,h,w] <- x[c,h,w], x[c,h,w]
)");
    const Target target = common_cpu(64, 32, 2);
    std::set<Name> taken;
    std::map<Name, int64_t> placed;
    const Block tiled =
        vectorize(program, kernels(program).front()->body.front(), target, taken, placed, true);
    return std::get<Parallel>(tiled.front()->node).axis;
}

TEST(Vectorize, cores_share_the_outermost_dim_of_memory) {
    EXPECT_EQ(shared_axis("[h, w, c]"), Name("h"));
    EXPECT_EQ(shared_axis("[w, h, c]"), Name("w"));
}

/// How many elements a move into blocks of so many takes at once.
int64_t lanes_into_blocks_of(int block) {
    const Program program = program_of(fmt::format(R"(program pack
  buffer w: memory f32[k: 20, n: 960] input
  buffer p: memory f32[k: 20, n: 960] output [n/{0}, k, n%{0}]
  run pack(w -> p)

kernel pack(w -> p)
  parallel k: 20, n: 960 any
    move p[k,n] <- w[k,n]
)",
                                                   block));
    std::set<Name> taken;
    std::map<Name, int64_t> placed;
    int64_t lanes = 1;
    for_each_op(vectorize(program, kernels(program).front()->body.front(), common_cpu(64, 32, 2),
                          taken, placed, true),
                [&](const Op& op) {
                    for (const NamedDim& d : op.dims) lanes *= d.extent.value();
                });
    return lanes;
}

TEST(Vectorize, lanes_do_not_end_inside_a_block) {
    EXPECT_EQ(lanes_into_blocks_of(64), 32);
    EXPECT_EQ(lanes_into_blocks_of(48), 48);
    EXPECT_EQ(lanes_into_blocks_of(16), 32);
    EXPECT_EQ(lanes_into_blocks_of(15), 32);   // no whole vectors: element by element
    EXPECT_EQ(lanes_into_blocks_of(240), 32);  // too many
}

/// Lanes of 32 and a rest of 4 through two tiles each, which take 4096 bytes and 512, at a first
/// level of so many bytes in each part.
std::string lanes_and_a_rest(int64_t bytes, int parts) {
    const Program program = program_of(R"(program p
  buffer x: memory f32[o: 8, j: 16, i: 36] input
  buffer y: memory f32[o: 8, j: 16, i: 36] output
  run k(x -> y)

kernel k(x -> y)
  parallel o: 8, i: 36 any
    let a: local f32[j: 16]
    move a[j] <- x[o,j,i]
    let b: local f32[j: 16]
    unary neg b[j] <- a[j]
    move y[o,j,i] <- b[j]
)");
    Target target = common_cpu(64, 32, 1);
    target.levels[1].capacity = bytes;
    target.levels[1].parts = parts;
    std::set<Name> taken;
    std::map<Name, int64_t> placed;
    return print(
        vectorize(program, kernels(program).front()->body.front(), target, taken, placed, true));
}

TEST(Vectorize, a_rest_lies_apart_where_one_part_of_a_level_does_not_hold_its_tiles_too) {
    for (int parts : {1, 2}) {
        EXPECT_THAT(lanes_and_a_rest(4608, parts), Not(HasSubstr("once")));
        EXPECT_THAT(lanes_and_a_rest(4607, parts), HasSubstr("for once_2: 1"));
    }
}

}  // namespace
}  // namespace smeaton::gir::rewrite
