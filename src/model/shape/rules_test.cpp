#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "model/shape/einsum.h"
#include "model/shape/elementwise.h"
#include "model/shape/from_text.h"
#include "model/shape/infer_state.h"
#include "model/shape/norm.h"
#include "model/shape/reduce.h"
#include "model/shape/resize.h"
#include "model/shape/rule.h"

namespace smeaton::model {
namespace {

using test::graph_of;
using test::inferred;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(ShapeRules, every_operator_has_a_signature) {
    Graph graph;
    Node node;
#define X(operator_, family)                                        \
    node.op = OpType::k##operator_;                                 \
    node.op_name = #operator_;                                      \
    node.since_version = 27;                                        \
    try {                                                           \
        check_signature(NodeView(graph, node));                     \
    } catch (const UserError& error) {                              \
        EXPECT_THAT(error.what(), Not(HasSubstr("not supported"))); \
    }
    SMEATON_OPS(X)
#undef X
}

TEST(ShapeRules, every_operator_has_one) {
#define X(op, family) \
    EXPECT_NE(rule_table().shape[static_cast<size_t>(OpType::k##op)], nullptr) << #op;
    SMEATON_OPS(X)
#undef X
}

TEST(ElementwiseShape, broadcasts_numbers_and_symbols) {
    EXPECT_EQ(inferred("input a: f32[2,1,4]; input b: f32[3,1]", "Add(a, b) since 14"),
              "f32[2,3,4]");
    EXPECT_EQ(inferred("input a: f32[N,1]; input b: f32[1,M]", "Mul(a, b) since 7"), "f32[N,M]");
    EXPECT_EQ(inferred("input a: f32[N,4]; input b: f32[]", "Max(a, b) since 13"), "f32[N,4]");
    EXPECT_EQ(inferred("input a: f32[N]; input b: f32[5]", "Sub(a, b) since 14"), "f32[5]");
    EXPECT_EQ(inferred("input a: f32[0,3]; input b: f32[1,3]", "Add(a, b) since 14"), "f32[0,3]");
    EXPECT_EQ(
        inferred("input a: i64[3]; input b: i64[2,1]; input c: i64[1]", "Sum(a, b, c) since 13"),
        "i64[2,3]");
}

TEST(ElementwiseShape, names_operands_that_disagree) {
    EXPECT_EQ(
        inferred("input a: f32[2,3]; input b: f32[2,4]", "Add(a, b) since 14"),
        "node 'N0' (Add): operands 'a' f32[2,3] and 'b' f32[2,4] disagree: 3 against 4 in dim 1");
    EXPECT_THAT(inferred("input a: f32[0]; input b: f32[2]", "Add(a, b) since 14"),
                HasSubstr("disagree"));
    EXPECT_THAT(inferred("input a: f32[N]; input b: f32[N + 1]", "Add(a, b) since 14"),
                HasSubstr("disagree"));
    EXPECT_THAT(inferred("input a: f32[2]; input b: f64[2]", "Add(a, b) since 14"),
                HasSubstr("must have one dtype"));
    EXPECT_THAT(inferred("input a: i32[2]", "Sqrt(a) since 13"), HasSubstr("must be a float type"));
    for (const char* node : {"ReduceSum(a) since 13", "GreaterOrEqual(a, a) since 16",
                             "ArgMax(a) since 13", "Max(a, a) since 13"})
        EXPECT_THAT(inferred("input a: bool[2]", node), HasSubstr("must be a number type")) << node;
    EXPECT_THAT(inferred("input a: f32[2]", "Add(a) since 14"), HasSubstr("operand 1 is missing"));
    EXPECT_THAT(inferred("input a: f32[2]; input b: f32[2]", "Relu(a, b) since 14"),
                HasSubstr("2 operands"));
}

TEST(ElementwiseShape, places_the_second_operand_by_axis_before_version_7) {
    const char* in = "input a: f32[2,3,4,5]; input b: f32[3,4]; input c: f32[5]; input d: f32[1]";
    EXPECT_EQ(inferred(in, "Add(a, b) {axis: 1, broadcast: 1} since 6"), "f32[2,3,4,5]");
    EXPECT_EQ(inferred(in, "Mul(a, c) {broadcast: 1} since 6"), "f32[2,3,4,5]");
    EXPECT_EQ(inferred(in, "Pow(a, d) {broadcast: 1} since 1"), "f32[2,3,4,5]");
    EXPECT_THAT(inferred(in, "Add(a, b) {axis: 2, broadcast: 1} since 6"), HasSubstr("disagree"));
    EXPECT_THAT(inferred(in, "Add(a, c) since 6"), HasSubstr("attribute broadcast is 0"));
    const Graph graph = graph_of(in, "y = Add(a, b) {axis: 1, broadcast: 1} since 6; output y");
    EXPECT_EQ(aligned_operands(NodeView(graph, graph.nodes[0]))[1], (Shape{1, 3, 4, 1}));
}

TEST(ElementwiseShape, knows_the_result_types) {
    const char* in = "input a: f32[2]; input c: bool[2]; input i: i64[2]; const lo: f32[](0)";
    EXPECT_EQ(inferred(in, "Less(a, a) since 13"), "bool[2]");
    EXPECT_EQ(inferred(in, "GreaterOrEqual(a, a) since 16"), "bool[2]");
    EXPECT_EQ(inferred(in, "Where(c, i, i) since 16"), "i64[2]");
    EXPECT_EQ(inferred(in, "Pow(a, i) since 15"), "f32[2]");
    EXPECT_EQ(inferred(in, "Cast(a) {to: 16} since 13"), "bf16[2]");
    EXPECT_EQ(inferred(in, "Clip(a, lo, _) since 13"), "f32[2]");
    EXPECT_EQ(inferred(in, "Clip(a) {max: 6.0} since 6"), "f32[2]");
    EXPECT_EQ(inferred(in, "Dropout(a) since 13", 2), "f32[2] bool[2]");
    EXPECT_EQ(inferred(in, "Dropout(a) {ratio: 0.5} since 7", 2), "f32[2] f32[2]");
    EXPECT_THAT(inferred(in, "Cast(a) {to: 99} since 13"), HasSubstr("no supported data type"));
    EXPECT_THAT(inferred(in, "Where(a, i, i) since 16"), HasSubstr("must be bool"));
    EXPECT_THAT(inferred(in, "Gelu(a) {approximate: \"fast\"} since 20"), HasSubstr("'fast'"));
}

TEST(ElementwiseShape, refuses_dropout_that_draws_lots) {
    EXPECT_THAT(inferred("input a: f32[2]; const r: f32[](0.5); const t: bool[](true)",
                         "Dropout(a, r, t) since 13"),
                HasSubstr("drops at random"));
    EXPECT_EQ(inferred("input a: f32[2]; const r: f32[](0.0); const t: bool[](true)",
                       "Dropout(a, r, t) since 13"),
              "f32[2]");
}

TEST(NormShape, checks_scales_and_keeps_the_shape) {
    EXPECT_EQ(inferred("input x: f32[2,3,4]; input s: f32[3]",
                       "BatchNormalization(x, s, s, s, s) since 15"),
              "f32[2,3,4]");
    EXPECT_THAT(inferred("input x: f32[2,3,4]; input s: f32[4]",
                         "BatchNormalization(x, s, s, s, s) since 9"),
                HasSubstr("must have the shape [3]"));
    EXPECT_EQ(inferred("input x: f32[2,3,4]; input s: f32[3,4]",
                       "BatchNormalization(x, s, s, s, s) {spatial: 0} since 7"),
              "f32[2,3,4]");
    EXPECT_EQ(inferred("input x: f32[2,3,4]; input s: f32[3,4]",
                       "LayerNormalization(x, s) {axis: 1} since 17", 3),
              "f32[2,3,4] f32[2,1,1] f32[2,1,1]");
    EXPECT_EQ(inferred("input x: f32[2,4,5]; input s: f32[2]",
                       "GroupNormalization(x, s, s) {num_groups: 2} since 18"),
              "f32[2,4,5]");
    EXPECT_EQ(inferred("input x: f32[2,4,5]; input s: f32[4]",
                       "GroupNormalization(x, s, s) {num_groups: 2} since 21"),
              "f32[2,4,5]");
    EXPECT_THAT(inferred("input x: f32[2,4,5]; input s: f32[4]",
                         "GroupNormalization(x, s, s) {num_groups: 3} since 21"),
                HasSubstr("do not divide"));
}

TEST(NormShape, softmax_flattens_before_version_13) {
    const Graph graph = graph_of("input x: f32[2,3,4]",
                                 "y = Softmax(x) since 11; z = Softmax(x) since 13; output z");
    const AxisRange old_range = softmax_axes(NodeView(graph, graph.nodes[0]));
    const AxisRange new_range = softmax_axes(NodeView(graph, graph.nodes[1]));
    EXPECT_EQ(old_range.begin, 1);
    EXPECT_EQ(old_range.end, 3);
    EXPECT_EQ(new_range.begin, 2);
    EXPECT_THAT(inferred("input x: f32[2]", "Softmax(x) {axis: -2} since 13"),
                HasSubstr("axis -2"));
}

TEST(MatMulShape, follows_numpy) {
    EXPECT_EQ(inferred("input a: f32[3]; input b: f32[3]", "MatMul(a, b) since 13"), "f32[]");
    EXPECT_EQ(inferred("input a: f32[3]; input b: f32[5,3,2]", "MatMul(a, b) since 13"),
              "f32[5,2]");
    EXPECT_EQ(inferred("input a: f32[5,1,4,3]; input b: f32[7,3,2]", "MatMul(a, b) since 13"),
              "f32[5,7,4,2]");
    EXPECT_EQ(inferred("input a: f32[B,S,768]; input b: f32[768,64]", "MatMul(a, b) since 1"),
              "f32[B,S,64]");
    EXPECT_EQ(inferred("input a: f32[2,0]; input b: f32[0,3]", "MatMul(a, b) since 13"),
              "f32[2,3]");
    EXPECT_THAT(inferred("input a: f32[2,3]; input b: f32[4,5]", "MatMul(a, b) since 13"),
                HasSubstr("3 columns against 4 rows"));
    EXPECT_THAT(inferred("input a: f32[]; input b: f32[4]", "MatMul(a, b) since 13"),
                HasSubstr("1 dims or more"));
}

TEST(GemmShape, transposes_and_checks_the_bias) {
    const char* in = "input a: f32[4,2]; input b: f32[3,4]; input c: f32[3]; input d: f32[2]";
    EXPECT_EQ(inferred(in, "Gemm(a, b, c) {transA: 1, transB: 1} since 13"), "f32[2,3]");
    EXPECT_EQ(inferred(in, "Gemm(a, b, c) {transA: 1, transB: 1, broadcast: 1} since 6"),
              "f32[2,3]");
    EXPECT_THAT(inferred(in, "Gemm(a, b) {transA: 1, transB: 1} since 9"),
                HasSubstr("operand 2 is missing"));
    EXPECT_THAT(inferred(in, "Gemm(a, b, d) {transA: 1, transB: 1} since 13"),
                HasSubstr("does not broadcast to [2,3]"));
    EXPECT_THAT(inferred(in, "Gemm(a, b) since 13"), HasSubstr("inner sizes 2 and 3"));
}

TEST(EinsumShape, reads_equations) {
    const char* in = "input a: f32[2,3,4]; input b: f32[2,4,5]; input s: f32[3,3]; input v: f32[4]";
    EXPECT_EQ(inferred(in, "Einsum(a, b) {equation: \"bij, bjk -> bik\"} since 12"), "f32[2,3,5]");
    EXPECT_EQ(inferred(in, "Einsum(a, b) {equation: \"...ij,...jk\"} since 12"), "f32[2,3,5]");
    EXPECT_EQ(inferred(in, "Einsum(s) {equation: \"ii->i\"} since 12"), "f32[3]");
    EXPECT_EQ(inferred(in, "Einsum(s) {equation: \"ii\"} since 12"), "f32[]");
    EXPECT_EQ(inferred(in, "Einsum(s, v) {equation: \"...,...k->k...\"} since 12"), "f32[4,3,3]");
    EXPECT_EQ(inferred(in, "Einsum(a, v) {equation: \"b...k,k->...b\"} since 12"), "f32[3,2]");
    EXPECT_THAT(inferred(in, "Einsum(a, s) {equation: \"bij,jk->bik\"} since 12"),
                HasSubstr("size 3 against 4"));
    EXPECT_THAT(inferred(in, "Einsum(a) {equation: \"ij->i\"} since 12"),
                HasSubstr("does not name"));
    EXPECT_THAT(inferred(in, "Einsum(s) {equation: \"ij->k\"} since 12"),
                HasSubstr("in no operand"));
    EXPECT_THAT(inferred(in, "Einsum(s) {equation: \"i$->i\"} since 12"),
                HasSubstr("unexpected '$'"));
    EXPECT_THAT(inferred(in, "Einsum(s, s) {equation: \"ij->i\"} since 12"), HasSubstr("1 terms"));
}

TEST(ReduceShape, takes_axes_from_where_the_version_has_them) {
    const char* in = "input x: f32[2,3,4]; const a: i64[1](-1); const e: i64[0]()";
    EXPECT_EQ(inferred(in, "ReduceMean(x) {axes: [-1,0]} since 13"), "f32[1,3,1]");
    EXPECT_EQ(inferred(in, "ReduceMean(x, a) {keepdims: 0} since 18"), "f32[2,3]");
    EXPECT_EQ(inferred(in, "ReduceSum(x, a) since 13"), "f32[2,3,1]");
    EXPECT_EQ(inferred(in, "ReduceSum(x, e) {keepdims: 0} since 13"), "f32[]");
    EXPECT_EQ(inferred(in, "ReduceSum(x, e) {noop_with_empty_axes: 1} since 13"), "f32[2,3,4]");
    EXPECT_EQ(inferred(in, "ReduceMax(x) {keepdims: 0} since 13"), "f32[]");
    EXPECT_EQ(inferred("input x: f32[2,0]", "ReduceSum(x) {axes: [1]} since 11"), "f32[2,1]");
    EXPECT_THAT(inferred(in, "ReduceMean(x) {axes: [1,-2]} since 13"), HasSubstr("given twice"));
    EXPECT_THAT(inferred(in, "ReduceMean(x) {axes: [3]} since 13"), HasSubstr("axis 3"));
    EXPECT_THAT(inferred(in, "ReduceMean(x, a) since 13"), HasSubstr("2 operands"));
    EXPECT_EQ(inferred(in, "ArgMax(x) {axis: 1, keepdims: 0} since 13"), "i64[2,4]");
    EXPECT_THAT(inferred("input x: f32[2,0]", "ArgMax(x) {axis: 1} since 13"), HasSubstr("empty"));
}

TEST(TopKShape, takes_k_as_attribute_or_operand) {
    const char* in = "input x: f32[5,N]; const k: i64[1](3)";
    EXPECT_EQ(inferred(in, "TopK(x) {axis: 0, k: 2} since 1", 2), "f32[2,N] i64[2,N]");
    EXPECT_EQ(inferred(in, "TopK(x, k) since 11", 2), "f32[5,3] i64[5,3]");
    EXPECT_THAT(inferred("input x: f32[2]; const k: i64[1](3)", "TopK(x, k) since 11", 2),
                HasSubstr("k is 3, but axis 0"));
}

TEST(IndexShape, gathers_and_scatters) {
    const char* in = "input x: f32[5,4]; input i: i64[2,3]; const far: i64[1](5)";
    EXPECT_EQ(inferred(in, "Gather(x, i) since 13"), "f32[2,3,4]");
    EXPECT_EQ(inferred(in, "Gather(x, i) {axis: -1} since 1"), "f32[5,2,3]");
    EXPECT_THAT(inferred(in, "Gather(x, far) since 13"), HasSubstr("index 5 is outside the 5"));
    EXPECT_THAT(inferred(in, "Gather(x, x) since 13"), HasSubstr("must be integers"));
    EXPECT_EQ(inferred(in, "GatherElements(x, i) since 13"), "f32[2,3]");
    EXPECT_EQ(inferred("input x: f32[5,4,3]; input i: i64[7,2]", "GatherND(x, i) since 13"),
              "f32[7,3]");
    EXPECT_EQ(inferred("input x: f32[2,4,3]; input i: i64[2,1]",
                       "GatherND(x, i) {batch_dims: 1} since 13"),
              "f32[2,3]");
    EXPECT_THAT(inferred(in, "GatherND(x, i) since 13"), HasSubstr("between 1 and 2"));
    EXPECT_EQ(inferred("input x: f32[8]; input i: i64[4,1]; input u: f32[4]",
                       "ScatterND(x, i, u) {reduction: \"add\"} since 16"),
              "f32[8]");
    EXPECT_THAT(inferred("input x: f32[8]; input i: i64[4,1]; input u: f32[3]",
                         "ScatterND(x, i, u) since 16"),
                HasSubstr("must have shape [4]"));
    EXPECT_THAT(inferred("input x: f32[8]; input i: i64[4]; input u: f32[4]",
                         "ScatterElements(x, i, u) {reduction: \"sub\"} since 18"),
                HasSubstr("'sub'"));
}

TEST(ResizeShape, follows_each_version) {
    const char* in =
        "input x: f32[1,3,10,7]; const s: f32[4](1.0,1.0,2.0,0.5); const n: f32[0](); "
        "const z: i64[4](1,3,20,20); const t: i64[2](5,20); const q: f32[2](2.0,2.0)";
    EXPECT_EQ(inferred(in, "Resize(x, s) since 10"), "f32[1,3,20,3]");
    EXPECT_EQ(inferred(in, "Resize(x, n, s) {mode: \"cubic\"} since 11"), "f32[1,3,20,3]");
    EXPECT_EQ(inferred(in, "Resize(x, n, n, z) since 11"), "f32[1,3,20,20]");
    EXPECT_EQ(inferred(in, "Resize(x, _, _, t) {axes: [2,3]} since 18"), "f32[1,3,5,20]");
    EXPECT_EQ(inferred(in, "Resize(x, _, q) {axes: [3,2]} since 18"), "f32[1,3,20,14]");
    EXPECT_EQ(inferred(in,
                       "Resize(x, _, _, t) {axes: [2,3], keep_aspect_ratio_policy: "
                       "\"not_larger\"} since 19"),
              "f32[1,3,5,4]");
    EXPECT_EQ(inferred("input x: f32[1,3,H,W]; const s: f32[4](1.0,1.0,2.0,0.5)",
                       "Resize(x, _, s) since 13"),
              "f32[1,3,2*H,floor(W/2)]");
    EXPECT_EQ(inferred(in, "Upsample(x) {scales: [1.0,1.0,2.5,1.0]} since 7"), "f32[1,3,25,7]");
    EXPECT_EQ(inferred(in, "Upsample(x, s) since 9"), "f32[1,3,20,3]");
    EXPECT_THAT(inferred(in, "Upsample(x, s) since 10"), HasSubstr("Resize has taken its place"));
    EXPECT_THAT(inferred(in, "Resize(x, _, s, z) since 13"), HasSubstr("both scales and sizes"));
    EXPECT_THAT(inferred(in, "Resize(x) since 13"), HasSubstr("neither scales nor sizes"));
    EXPECT_THAT(inferred(in, "Resize(x, _, s) {mode: \"area\"} since 13"), HasSubstr("'area'"));
}

}  // namespace
}  // namespace smeaton::model
