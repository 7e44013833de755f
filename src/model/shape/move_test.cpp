#include "model/shape/move.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/shape/from_text.h"

namespace smeaton::model {
namespace {

using test::graph_of;
using test::inferred;
using ::testing::HasSubstr;

std::string reshaped(const std::string& from, const std::string& to, const char* more = "") {
    const auto count = std::to_string(std::count(to.begin(), to.end(), ',') + 1);
    return inferred("input x: f32" + from + "; const s: i64[" + count + "](" + to + ")",
                    std::string("Reshape(x, s) ") + more + " since 14");
}

TEST(ReshapeShape, resolves_zero_and_minus_one) {
    EXPECT_EQ(reshaped("[2,3,4]", "0,-1"), "f32[2,12]");
    EXPECT_EQ(reshaped("[N,3,4]", "0,-1"), "f32[N,12]");
    EXPECT_EQ(reshaped("[N,S,768]", "0,0,12,64"), "f32[N,S,12,64]");
    EXPECT_EQ(reshaped("[N,S,768]", "-1,768"), "f32[N*S,768]");
    EXPECT_EQ(reshaped("[0,3,4]", "0,-1"), "f32[0,12]");
    EXPECT_EQ(reshaped("[0,3]", "3,0", "{allowzero: 1}"), "f32[3,0]");
    EXPECT_EQ(reshaped("[0]", "0,1,1,0"), "f32[0,1,1,0]");
    EXPECT_EQ(reshaped("[197,0,768]", "0,768"), "f32[0,768]");
    EXPECT_EQ(inferred("input x: f32[6]; const s: i64[0]()", "Reshape(x, s) since 5"),
              "node 'N0' (Reshape): 'x' f32[6] has 6 elements, its new shape [] has 1");
}

TEST(ReshapeShape, refuses_what_does_not_fit) {
    EXPECT_THAT(reshaped("[2,3]", "4,-1"), HasSubstr("not a multiple of 4"));
    EXPECT_THAT(reshaped("[2,3]", "-1,-1"), HasSubstr("-1 twice"));
    EXPECT_THAT(reshaped("[2,3]", "5"), HasSubstr("6 elements"));
    EXPECT_THAT(reshaped("[2,3]", "-2,3"), HasSubstr("negative size"));
    EXPECT_THAT(reshaped("[6]", "6,0"), HasSubstr("copies a dim"));
}

TEST(MoveShape, permutes_and_reshapes) {
    const char* in = "input x: f32[2,1,N,4]; const a: i64[1](1); const p: i64[2](0,-1)";
    EXPECT_EQ(inferred(in, "Transpose(x) since 13"), "f32[4,N,1,2]");
    EXPECT_EQ(inferred(in, "Transpose(x) {perm: [0,2,3,1]} since 1"), "f32[2,N,4,1]");
    EXPECT_THAT(inferred(in, "Transpose(x) {perm: [0,0,1,2]} since 1"), HasSubstr("given twice"));
    EXPECT_EQ(inferred(in, "Squeeze(x, a) since 13"), "f32[2,N,4]");
    EXPECT_EQ(inferred(in, "Squeeze(x) {axes: [-3]} since 11"), "f32[2,N,4]");
    EXPECT_EQ(inferred("input x: f32[1,3,1]", "Squeeze(x) since 13"), "f32[3]");
    EXPECT_THAT(inferred("input x: f32[1,3,1]", "Squeeze(x) {axes: [1]} since 1"),
                HasSubstr("is not 1"));
    EXPECT_EQ(inferred(in, "Unsqueeze(x, p) since 13"), "f32[1,2,1,N,4,1]");
    EXPECT_EQ(inferred("input x: f32[3]", "Unsqueeze(x) {axes: [2,0]} since 1"), "f32[1,3,1]");
    EXPECT_EQ(inferred(in, "Flatten(x) {axis: -2} since 13"), "f32[2,4*N]");
    EXPECT_EQ(inferred(in, "Flatten(x) {axis: 4} since 9"), "f32[8*N,1]");
    EXPECT_EQ(inferred("input x: f32[]", "Flatten(x) {axis: 0} since 9"), "f32[1,1]");
}

TEST(MoveShape, concatenates) {
    const char* in = "input a: f32[2,N]; input b: f32[2,3]; input c: f32[0,3]";
    EXPECT_EQ(inferred(in, "Concat(a, b) {axis: -1} since 13"), "f32[2,N + 3]");
    EXPECT_EQ(inferred(in, "Concat(a, b, c) {axis: 0} since 4"), "f32[4,3]");
    EXPECT_THAT(inferred(in, "Concat(b, c) {axis: 1} since 4"),
                HasSubstr("'b' f32[2,3] and 'c' f32[0,3] disagree"));
    EXPECT_THAT(inferred(in, "Concat(a, b) since 4"), HasSubstr("axis is missing"));
}

TEST(MoveShape, splits_by_each_version) {
    const char* in = "input x: f32[7,6]; const s: i64[2](1,6)";
    EXPECT_EQ(inferred(in, "Split(x) {axis: 1} since 2", 3), "f32[7,2] f32[7,2] f32[7,2]");
    EXPECT_EQ(inferred(in, "Split(x) {split: [3,4]} since 11", 2), "f32[3,6] f32[4,6]");
    EXPECT_EQ(inferred(in, "Split(x, s) since 13", 2), "f32[1,6] f32[6,6]");
    EXPECT_EQ(inferred(in, "Split(x) {num_outputs: 4} since 18", 4),
              "f32[2,6] f32[2,6] f32[2,6] f32[1,6]");
    EXPECT_THAT(inferred(in, "Split(x) since 13", 2), HasSubstr("do not divide"));
    EXPECT_THAT(inferred(in, "Split(x) {split: [3,3]} since 11", 2), HasSubstr("does not divide"));
}

std::string sliced(const std::string& shape, const std::string& starts, const std::string& ends,
                   const std::string& steps) {
    return inferred("input x: f32" + shape + "; const s: i64[1](" + starts + "); const e: i64[1](" +
                        ends + "); const a: i64[1](-1); const t: i64[1](" + steps + ")",
                    "Slice(x, s, e, a, t) since 13");
}

TEST(SliceShape, clamps_bounds_and_steps_backwards) {
    EXPECT_EQ(sliced("[2,10]", "1", "100", "3"), "f32[2,3]");
    EXPECT_EQ(sliced("[2,10]", "-3", "-1", "1"), "f32[2,2]");
    EXPECT_EQ(sliced("[2,10]", "9", "-9223372036854775808", "-1"), "f32[2,10]");
    EXPECT_EQ(sliced("[2,10]", "-1", "-11", "-4"), "f32[2,3]");
    EXPECT_EQ(sliced("[2,10]", "5", "2", "1"), "f32[2,0]");
    EXPECT_EQ(sliced("[2,0]", "0", "5", "1"), "f32[2,0]");
    EXPECT_EQ(sliced("[2,N]", "1", "9223372036854775807", "1"), "f32[2,N - 1]");
    EXPECT_EQ(sliced("[2,N]", "-1", "9223372036854775807", "1"), "f32[2,1]");
    EXPECT_EQ(sliced("[2,N]", "0", "1000000000", "1"), "f32[2,N]");
    EXPECT_EQ(sliced("[2,N]", "-1000000000", "7", "1"), "f32[2,7]");
    EXPECT_EQ(sliced("[2,N]", "0", "-1", "1"), "f32[2,N - 1]");
    EXPECT_EQ(sliced("[2,N]", "-1", "-9223372036854775808", "-1"), "f32[2,N]");
    EXPECT_THAT(sliced("[2,10]", "0", "5", "0"), HasSubstr("step of axis 1 is 0"));
    EXPECT_EQ(inferred("input x: f32[4,6]", "Slice(x) {starts: [1,-2], ends: [3,9]} since 1"),
              "f32[2,2]");
    EXPECT_THAT(inferred("input x: f32[4,6]", "Slice(x) {starts: [1,0], ends: [3]} since 1"),
                HasSubstr("expected as many"));
}

TEST(SliceShape, tells_start_and_step_of_each_dim) {
    const Graph graph = graph_of(
        "input x: f32[4,10]; const s: i64[1](100); const e: i64[1](-100); const a: i64[1](1); "
        "const t: i64[1](-3)",
        "y = Slice(x, s, e, a, t) since 13; output y");
    const SliceRange range = slice_range(NodeView(graph, graph.nodes[0]));
    EXPECT_EQ(range.starts, (std::vector<Dim>{0, 9}));
    EXPECT_EQ(range.steps, (std::vector<int64_t>{1, -3}));
    EXPECT_EQ(range.sizes, (Shape{4, 4}));
}

TEST(MoveShape, expands_tiles_and_pads) {
    const char* in =
        "input x: f32[3,1]; const s: i64[3](2,1,4); const r: i64[2](2,0); "
        "const p: i64[4](1,0,0,-1); const q: i64[2](2,3); const a: i64[1](-1)";
    EXPECT_EQ(inferred(in, "Expand(x, s) since 13"), "f32[2,3,4]");
    EXPECT_EQ(inferred(in, "Tile(x, r) since 13"), "f32[6,0]");
    EXPECT_EQ(inferred(in, "Pad(x, p) since 13"), "f32[4,0]");
    EXPECT_EQ(inferred(in, "Pad(x, q, _, a) {mode: \"edge\"} since 18"), "f32[3,6]");
    EXPECT_EQ(inferred(in, "Pad(x) {pads: [0,1,0,2]} since 2"), "f32[3,4]");
    EXPECT_THAT(inferred(in, "Pad(x, q) since 13"), HasSubstr("2 pads for 2 axes"));
    EXPECT_THAT(inferred(in, "Pad(x, p) {mode: \"wrap\"} since 18"), HasSubstr("'wrap'"));
    EXPECT_THAT(
        inferred("input x: f32[0]; const q: i64[2](2,3)", "Pad(x, q) {mode: \"reflect\"} since 13"),
        HasSubstr("nothing to repeat"));
}

TEST(MoveShape, pads_by_symbols) {
    EXPECT_EQ(test::chain("input x: f32[3,4]; input h: f32[H,W]; const z: i64[2](0,1)",
                          "s = Shape(h) since 13; p = Concat(z, s) {axis: 0} since 13; "
                          "y = Pad(x, p) since 13"),
              "f32[H + 3,W + 5]");
}

TEST(MoveShape, moves_between_depth_and_space) {
    EXPECT_EQ(inferred("input x: f32[1,8,2,W]", "DepthToSpace(x) {blocksize: 2} since 13"),
              "f32[1,2,4,2*W]");
    EXPECT_EQ(inferred("input x: f32[1,2,4,6]", "SpaceToDepth(x) {blocksize: 2} since 13"),
              "f32[1,8,2,3]");
    EXPECT_THAT(inferred("input x: f32[1,6,2,2]", "DepthToSpace(x) {blocksize: 2} since 13"),
                HasSubstr("no multiple of 4"));
    EXPECT_THAT(inferred("input x: f32[1,2,5,6]", "SpaceToDepth(x) {blocksize: 2} since 13"),
                HasSubstr("no multiple of blocksize"));
}

}  // namespace
}  // namespace smeaton::model
