#include "model/shape/infer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/shape/from_text.h"
#include "model/text/text.h"
#include "model/verify.h"

namespace smeaton::model {
namespace {

using test::chain;
using test::graph_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(DataPropagation, folds_the_chains_that_exporters_write) {
    EXPECT_EQ(
        chain("input x: f32[N,S,768]; const i0: i64[](0); const i1: i64[](1); "
              "const a: i64[1](0); const h: i64[1](12); const d: i64[1](64)",
              "s = Shape(x) since 15; n = Gather(s, i0) since 13; m = Gather(s, i1) since 13; "
              "n1 = Unsqueeze(n, a) since 13; m1 = Unsqueeze(m, a) since 13; "
              "t = Concat(n1, m1, h, d) {axis: 0} since 13; y = Reshape(x, t) since 14"),
        "f32[N,S,12,64]");
}

TEST(DataPropagation, computes_with_symbols) {
    EXPECT_EQ(
        chain("input x: f32[N,64]; const two: i64[](2); const i: i64[](1); const a: i64[1](0); "
              "const m: i64[1](-1)",
              "s = Shape(x) since 13; c = Gather(s, i) since 13; h = Div(c, two) since 14; "
              "h1 = Unsqueeze(h, a) since 13; t = Concat(m, h1) {axis: 0} since 13; "
              "y = Reshape(x, t) since 13"),
        "f32[2*N,32]");
    EXPECT_EQ(chain("input x: f32[N]; const one: i64[1](1); const two: i64[1](2)",
                    "s = Shape(x) since 13; a = Add(s, one) since 14; b = Div(a, two) since 14; "
                    "y = ConstantOfShape(b) since 9"),
              "f32[floor((N + 1)/2)]");
}

TEST(DataPropagation, decides_comparisons_that_hold_for_every_size) {
    EXPECT_EQ(
        chain("input x: f32[N,3]; const m: i64[2](-1,3); const one: i64[2](1,1)",
              "s = Shape(x) since 13; e = Equal(s, m) since 13; w = Where(e, one, s) since 16; "
              "y = Expand(x, w) since 13"),
        "f32[N,3]");
}

TEST(DataPropagation, moves_small_tensors_about) {
    const char* in =
        "input x: f32[1]; const v: i64[2,3](1,2,3,4,5,6); const i: i64[2](-1,0); "
        "const r: i64[2](1,2); const st: i64[1](1); const en: i64[1](9)";
    EXPECT_EQ(chain(in,
                    "a = Gather(v, i) {axis: 1} since 13; b = Transpose(a) since 13; "
                    "c = Flatten(b) {axis: 0} since 13; d = Squeeze(c) since 13; "
                    "y = ConstantOfShape(d) since 9"),
              "f32[3,6,1,4]");
    EXPECT_EQ(chain(in,
                    "a = Tile(i, st) since 13; b, c = Split(v) {axis: 0} since 11; "
                    "d = Squeeze(c) since 13; e = Slice(d, st, en) since 13; "
                    "y = ConstantOfShape(e) since 9"),
              "f32[5,6]");
    EXPECT_EQ(chain(in,
                    "a = ReduceProd(v) {axes: [0], keepdims: 0} since 13; "
                    "y = ConstantOfShape(a) since 9"),
              "f32[4,10,18]");
}

TEST(DataPropagation, follows_floats_of_old_upsampling) {
    EXPECT_EQ(
        chain("input x: f32[1,3,13,7]; const f: f32[](2.0); const i: i64[2](2,3); "
              "const b: i64[2](1,3)",
              "s = Shape(x) since 13; h = Gather(s, i) since 13; c = Cast(h) {to: 1} since 13; "
              "m = Mul(c, f) since 14; g = Floor(m) since 13; k = Cast(g) {to: 7} since 13; "
              "z = Concat(b, k) {axis: 0} since 13; y = Resize(x, _, _, z) since 13"),
        "f32[1,3,26,14]");
}

TEST(DataPropagation, ranges_are_known) {
    EXPECT_EQ(chain("const s: i64[](1); const l: i64[](8); const d: i64[](3)",
                    "r = Range(s, l, d) since 11; y = ConstantOfShape(r) since 9"),
              "f32[1,4,7]");
    EXPECT_EQ(chain("const s: f32[](0.0); const l: f32[](1.0); const d: f32[](0.3)",
                    "y = Range(s, l, d) since 11"),
              "f32[4]");
    EXPECT_THAT(chain("const s: i64[](1); const d: i64[](0)", "y = Range(s, s, d) since 11"),
                HasSubstr("delta is 0"));
}

TEST(InferShapes, names_the_inputs_whose_values_decide_a_shape) {
    const Graph graph = graph_of("input x: f32[2,6]; input s: i64[2]",
                                 "t = Abs(s) since 13; y = Reshape(x, t) since 14; output y");
    try {
        infer_shapes(graph);
        FAIL() << "the shape was found without the values";
    } catch (const NeedsValue& need) {
        EXPECT_THAT(need.inputs, ElementsAre("s"));
        EXPECT_THAT(need.what(), HasSubstr("node 'N1' (Reshape)"));
    }
    const ShapedGraph shaped = infer_shapes(graph, {{"s", tensor::of_i64({-3, 4})}});
    EXPECT_EQ(describe(*shaped.graph.at(shaped.graph.outputs[0]).shape), "[3,4]");
    EXPECT_EQ(shaped.graph.inputs.size(), 2U);
    verify(shaped, "infer_shapes");
}

TEST(InferShapes, says_when_a_shape_is_computed_from_large_inputs) {
    const Graph graph = graph_of("input x: f32[1,3,224,224]",
                                 "m = ArgMax(x) {axis: 3} since 13; t = ReduceMax(m) {keepdims: 0} "
                                 "since 13; y = ConstantOfShape(t) since 9; output y");
    try {
        infer_shapes(graph);
        FAIL();
    } catch (const NeedsValue&) {
        FAIL() << "an image is no key of a specialisation";
    } catch (const UserError& error) {
        EXPECT_THAT(error.what(), HasSubstr("computed while running from the input 'x'"));
    }
}

TEST(InferShapes, asks_the_evaluator_for_constants_that_it_cannot_follow) {
    const Graph graph = graph_of("input x: f32[8]; const a: f32[2](1.0,4.0)",
                                 "b = Exp(a) since 13; c = Cast(b) {to: 7} since 13; "
                                 "y = ConstantOfShape(c) since 9; output y");
    EXPECT_THROW(infer_shapes(graph), UserError);
    int calls = 0;
    const Evaluator evaluator = [&](const Node& node, const auto& inputs) {
        ++calls;
        Tensor result(node.op == OpType::kExp ? DType::kF32 : DType::kI64, inputs[0]->shape());
        for (int64_t i = 0; i < 2; ++i) result.set_from_double(i, inputs[0]->at_as_double(i) + 1);
        return std::optional(std::vector<Tensor>{result});
    };
    const ShapedGraph shaped = infer_shapes(graph, {}, evaluator);
    EXPECT_EQ(describe(*shaped.graph.at(shaped.graph.outputs[0]).shape), "[3,6]");
    EXPECT_EQ(calls, 2);
}

TEST(InferShapes, the_computed_shape_wins_with_one_warning) {
    const Graph graph = graph_of("input x: f32[2,3]",
                                 "a: f32[2,4] = Relu(x) since 14; y: f32[9] = Relu(a) since 14; "
                                 "output y");
    const ShapedGraph shaped = infer_shapes(graph);
    EXPECT_EQ(describe(*shaped.graph.at(shaped.graph.outputs[0]).shape), "[2,3]");
    EXPECT_THAT(shaped.graph.warnings,
                ElementsAre(HasSubstr("'a' is declared f32[2,4] and computed f32[2,3]")));
    EXPECT_THAT(infer_shapes(shaped.graph).graph.warnings.size(), 1U);
}

TEST(InferShapes, declared_symbols_are_no_disagreement) {
    const Graph graph = graph_of("input x: f32[2,3]", "y: f32[N,3] = Relu(x) since 14; output y");
    EXPECT_THAT(infer_shapes(graph).graph.warnings, IsEmpty());
}

TEST(InferShapes, two_symbols_are_taken_to_be_equal_with_a_warning) {
    const ShapedGraph shaped = infer_shapes(
        graph_of("input a: f32[N,3]; input b: f32[M,3]", "y = Add(a, b) since 14; output y"));
    EXPECT_EQ(describe(*shaped.graph.at(shaped.graph.outputs[0]).shape), "[M,3]");
    EXPECT_THAT(shaped.graph.warnings, ElementsAre(HasSubstr("M and N to be equal")));
}

TEST(InferShapes, refuses_tensors_beyond_counting) {
    EXPECT_THAT(chain("const s: i64[2](1152921504606846976,4)", "y = ConstantOfShape(s) since 9"),
                HasSubstr("too large"));
    EXPECT_THAT(chain("const s: i64[1](-4)", "y = ConstantOfShape(s) since 9"),
                HasSubstr("negative"));
    EXPECT_THAT(chain("input x", "y = Relu(x) since 14"), HasSubstr("input 'x' has no dtype"));
    EXPECT_THAT(chain("input x: f32[1048576,1]; const r: i64[2](9223372036854775807,8589934592)",
                      "y = Tile(x, r) since 13"),
                HasSubstr("node 'N0' (Tile): a size does not fit 64 bits"));
    EXPECT_THAT(chain("input x: f32[1152921504606846976,4]", "y = Relu(x) since 14"),
                HasSubstr("input 'x' f32[1152921504606846976,4] is too large"));
    EXPECT_EQ(chain("input x: f32[1099511627776,1099511627776,0]", "y = Relu(x) since 14"),
              "f32[1099511627776,1099511627776,0]");
    EXPECT_THAT(chain("input x: f32", "y = Relu(x) since 14"), HasSubstr("no declared shape"));
}

constexpr const char* kIf = R"(graph g
  input x: f32[2,3]
  input c: bool
  y = If(c, x) {captures: 1} since 16 as branch
    else_branch: graph less
      input x
      r = Relu(x) since 14 as Relu_0
      output r
    then_branch: graph more
      input x
      r = ELSE
      output r
  output y
)";

std::string if_text(const std::string& expression, bool known) {
    std::string text = kIf;
    text.replace(text.find("ELSE"), 4, expression);
    if (known)
        text.replace(text.find("input c: bool"), 13, "const c: bool[](true)");
    else
        text.replace(text.find("input c: bool"), 13, "input c: bool[]");
    return text;
}

TEST(InferShapes, refuses_unsupported_nodes_but_not_in_a_branch_that_is_not_taken) {
    EXPECT_THAT(
        chain("input x: f32[2]", "y = unsupported Foo(x) since 1 as N0 because \"no such thing\""),
        HasSubstr("no such thing"));
    const std::string text = if_text("unsupported Foo(x) since 13 as Foo_0", true);
    std::string other = text;
    EXPECT_THROW(infer_shapes(parse(text, "if")), UserError);
    other.replace(other.find("(true)"), 6, "(false)");
    EXPECT_EQ(infer_shapes(parse(other, "if")).graph.nodes.size(), 1U);
}

TEST(IfShape, takes_the_branch_of_a_known_condition) {
    const std::string text = if_text("Transpose(x) since 13 as Transpose_0", true);
    const ShapedGraph shaped = infer_shapes(parse(text, "if"));
    EXPECT_EQ(describe(*shaped.graph.at(shaped.graph.outputs[0]).shape), "[3,2]");
}

TEST(IfShape, needs_the_condition_where_branches_differ) {
    EXPECT_EQ(describe(*infer_shapes(parse(if_text("Neg(x) since 13 as Neg_0", false), "if"))
                            .graph.values.back()
                            .shape),
              "[2,3]");
    EXPECT_THROW(infer_shapes(parse(if_text("Transpose(x) since 13 as Transpose_0", false), "if")),
                 NeedsValue);
}

}  // namespace
}  // namespace smeaton::model
