#include "model/rewrite/simplify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/rewrite/dead_code.h"
#include "model/rewrite/inline_if.h"
#include "model/rewrite/noops.h"
#include "model/rewrite/share.h"
#include "model/shape/from_text.h"
#include "model/text/text.h"
#include "model/verify.h"

namespace smeaton::model {
namespace {

using test::graph_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// "y = Relu(x)" for each node, one per line: names of operators, inputs, outputs.
std::string sketch(const Graph& graph) {
    std::string text;
    for (const Node& node : graph.nodes) {
        std::string left, right;
        for (ValueId id : node.outputs) {
            left += (left.empty() ? "" : ", ") + (id.valid() ? graph.at(id).name : "_");
        }
        for (ValueId id : node.inputs) {
            right += (right.empty() ? "" : ", ") + (id.valid() ? graph.at(id).name : "_");
        }
        text += left + " = " + node.op_name + "(" + right + ")\n";
    }
    return text;
}

std::string simplified(const std::string& declarations, const std::string& nodes) {
    const ShapedGraph result = simplify(infer_shapes(graph_of(declarations, nodes)), {});
    verify(result, "simplify");
    return sketch(result.graph);
}

TEST(FoldConstants, shape_chains_vanish) {
    EXPECT_EQ(simplified("input x: f32[2,12,64]; const i: i64[1](0); const m: i64[1](-1)",
                         "s = Shape(x) since 15; n = Gather(s, i) since 13; "
                         "t = Concat(n, m) {axis: 0} since 13; y = Reshape(x, t) since 14; "
                         "z = Relu(y) since 14; output z"),
              "y = Reshape(x, t)\nz = Relu(y)\n");
}

TEST(FoldConstants, keeps_what_depends_on_open_sizes) {
    EXPECT_EQ(
        simplified("input x: f32[N,12,64]; const i: i64[1](0); const m: i64[1](-1)",
                   "s = Shape(x) since 15; n = Gather(s, i) since 13; "
                   "t = Concat(n, m) {axis: 0} since 13; y = Reshape(x, t) since 14; output y"),
        "s = Shape(x)\nn = Gather(s, i)\nt = Concat(n, m)\ny = Reshape(x, t)\n");
}

TEST(FoldConstants, views_share_the_bytes_of_their_constant) {
    ShapedGraph shaped =
        infer_shapes(graph_of("input x: f32[3,2]; const w: f32[6](1,2,3,4,5,6); "
                              "const s: i64[2](3,2)",
                              "v = Reshape(w, s) since 14; y = Add(x, v) since 14; "
                              "output y"));
    const std::byte* bytes = nullptr;
    for (const Value& value : shaped.graph.values) {
        if (value.name == "w") bytes = value.constant->data();
    }
    shaped = simplify(std::move(shaped), {});
    EXPECT_EQ(sketch(shaped.graph), "y = Add(x, v)\n");
    EXPECT_EQ(constant_input(shaped.graph, shaped.graph.nodes[0], 1)->data(), bytes);
}

Tensor filled(const ShapedGraph& one, double v) {
    const Value& out = one.graph.at(one.graph.outputs[0]);
    Tensor result(*out.dtype, *const_shape(*out.shape));
    for (int64_t i = 0; i < result.elements(); ++i) result.set_from_double(i, v);
    return result;
}

TEST(FoldConstants, leaves_large_results_and_dear_nodes_to_the_run) {
    int calls = 0;
    const Evaluator evaluator = [&](const Node& node, const auto& inputs) {
        ++calls;
        return std::optional(std::vector{filled(graph_of_node(node, inputs), 7)});
    };
    const Graph graph = graph_of("const w: f32[2,2](1,2,3,4); const s: i64[2](200,200)",
                                 "c = Exp(w) since 13; f = ConstantOfShape(s) since 9; "
                                 "m = MatMul(f, f) since 13; output c; output m");
    SimplifyOptions options;
    options.limits = {.bytes = 200 * 200 * 4, .operations = 40000};
    const ShapedGraph cheap = simplify(infer_shapes(graph), evaluator, options);
    EXPECT_EQ(sketch(cheap.graph), "m = MatMul(f, f)\n");
    EXPECT_EQ(calls, 2);
    options.limits.bytes = 1000;
    EXPECT_EQ(sketch(simplify(infer_shapes(graph), evaluator, options).graph),
              "f = ConstantOfShape(s)\nm = MatMul(f, f)\n");
}

TEST(RemoveNoops, takes_each_kind) {
    const char* in =
        "input x: f32[2,3,4]; const one: f32[](1.0); const zero: f32[1](0.0); "
        "const minus: f32[1](-0.0); const s: i64[3](2,3,4); const r: i64[3](1,1,1); const p: "
        "i64[6](0,0,0,0,0,0); "
        "const b: i64[1](0); const e: i64[1](99); const k: f32[3](1,1,1)";
    for (const char* node : {"Identity(x) since 16",
                             "Dropout(x) since 13",
                             "Cast(x) {to: 1} since 13",
                             "Reshape(x, s) since 14",
                             "Expand(x, s) since 13",
                             "Tile(x, r) since 13",
                             "Pad(x, p) since 13",
                             "Slice(x, b, e) since 13",
                             "Transpose(x) {perm: [0,1,2]} since 13",
                             "Concat(x) {axis: 0} since 13",
                             "Sum(x) since 13",
                             "Max(x) since 13",
                             "Split(x) {axis: 1} since 11",
                             "Mul(x, one) since 14",
                             "Mul(one, x) since 14",
                             "Add(x, minus) since 14",
                             "Add(minus, x) since 14",
                             "Sub(x, zero) since 14",
                             "Div(x, one) since 14",
                             "Pow(x, one) since 15",
                             "Resize(x, _, k) since 13",
                             "Flatten(x) since 13"}) {
        const std::string nodes = std::string("a = ") + node + "; y = Relu(a) since 14; output y";
        const bool changes = std::string(node) == "Flatten(x) since 13";
        EXPECT_EQ(simplified(in, nodes),
                  changes ? "a = Flatten(x)\ny = Relu(a)\n" : "y = Relu(x)\n")
            << node;
    }
}

TEST(RemoveNoops, a_sum_that_turns_minus_zero_into_zero_stays) {
    const char* in = "input x: f32[2]; const zero: f32[1](0.0); const minus: f32[1](-0.0)";
    EXPECT_EQ(simplified(in, "y = Add(x, zero) since 14; output y"), "y = Add(x, zero)\n");
    EXPECT_EQ(simplified(in, "y = Sub(x, minus) since 14; output y"), "y = Sub(x, minus)\n");
    EXPECT_EQ(simplified("input x: i64[2]; const none: i64[1](0)",
                         "a = Add(x, none) since 14; y = Neg(a) since 13; output y"),
              "y = Neg(x)\n");
}

TEST(RemoveNoops, keeps_what_only_looks_idle) {
    const char* in =
        "input x: f32[2,3]; input c: f32[1]; const two: f32[](2.0); const one: f32[2,1](1.0,1.0); "
        "const p: i64[4](1,0,-1,0); const b: i64[1](-1); const e: i64[1](-99); const a: i64[1](0); "
        "const t: i64[1](-1)";
    for (const char* node :
         {"Mul(x, two) since 14", "Mul(c, one) since 14", "Pad(x, p) since 13",
          "Slice(x, b, e, a, t) since 13", "Sub(one, x) since 14", "Div(one, x) since 14"}) {
        const std::string nodes = std::string("a1 = ") + node + "; y = Relu(a1) since 14; output y";
        EXPECT_THAT(simplified(in, nodes), HasSubstr("y = Relu(a1)")) << node;
    }
}

TEST(RemoveNoops, joins_chains) {
    EXPECT_EQ(
        simplified("input x: f32[2,3,4]",
                   "a = Transpose(x) {perm: [1,2,0]} since 13; "
                   "b = Transpose(a) {perm: [2,0,1]} since 13; y = Relu(b) since 14; output y"),
        "y = Relu(x)\n");
    EXPECT_EQ(simplified("input x: f32[2,3,4]; const s: i64[1](-1); const t: i64[2](4,6)",
                         "a = Reshape(x, s) since 14; b = Reshape(a, t) since 14; "
                         "c = Unsqueeze(b, s) since 13; y = Relu(c) since 14; output y"),
              "c = Reshape(x, c.shape)\ny = Relu(c)\n");
}

TEST(RemoveNoops, the_names_of_outputs_stay) {
    EXPECT_EQ(simplified("input x: f32[2]",
                         "a = Relu(x) since 14; y = Identity(a) since 16; z = Neg(a) since 13; "
                         "output y; output z"),
              "y = Relu(x)\nz = Neg(y)\n");
    EXPECT_EQ(simplified("input x: f32[2]", "y = Dropout(x) since 13; output y"),
              "y = Identity(x)\n");
    EXPECT_EQ(
        simplified("input x: f32[2]",
                   "a = Relu(x) since 14; y = Identity(a) since 16; z = Identity(a) since 16; "
                   "output y; output z"),
        "y = Relu(x)\nz = Identity(y)\n");
    EXPECT_EQ(simplified("input x: f32[2]",
                         "a = Relu(x) since 14; y = Identity(a) since 16; output a; output y"),
              "a = Relu(x)\ny = Identity(a)\n");
}

TEST(RemoveNoops, the_mask_of_dropout_is_all_true) {
    const ShapedGraph result =
        simplify(infer_shapes(graph_of(
                     "input x: f32[2]",
                     "y, m = Dropout(x) since 13; z = Not(m) since 1; output z; output m")),
                 {});
    EXPECT_EQ(result.graph.at(result.graph.outputs[1]).constant->at_as_int(1), 1);
    EXPECT_EQ(result.graph.at(result.graph.outputs[0]).constant->at_as_int(1), 0);
    EXPECT_THAT(result.graph.nodes, IsEmpty());
}

TEST(RemoveNoops, drops_empty_operands_of_concat) {
    EXPECT_EQ(simplified("input x: f32[2,3]; input e: f32[0,3]; input z: f32[1,3]",
                         "y = Concat(x, e, z) {axis: 0} since 13; output y"),
              "y = Concat(x, z)\n");
}

TEST(ShareCommon, merges_nodes_and_constants) {
    EXPECT_EQ(simplified("input x: f32[2]; const a: f32[2](1,2); const b: f32[2](1,2); "
                         "const c: f32[2](1,3)",
                         "p = Mul(x, a) since 14; q = Mul(x, b) since 14; r = Mul(x, c) since 14; "
                         "y = Sum(p, q, r) since 13; output y"),
              "p = Mul(x, a)\nr = Mul(x, c)\ny = Sum(p, p, r)\n");
    EXPECT_EQ(simplified("input x: f32[2,3]",
                         "p = Softmax(x) {axis: 0} since 13; q = Softmax(x) {axis: 1} since 13; "
                         "y = Add(p, q) since 14; output y"),
              "p = Softmax(x)\nq = Softmax(x)\ny = Add(p, q)\n");
}

TEST(ShareCommon, gathers_origins) {
    const ShapedGraph result =
        simplify(infer_shapes(graph_of("input x: f32[2]",
                                       "a = Relu(x) since 14; b = Relu(x) since 14; "
                                       "y = Add(a, b) since 14; output y")),
                 {});
    EXPECT_THAT(result.graph.nodes[0].origins, ElementsAre("N0", "N1"));
}

TEST(RemoveDeadCode, keeps_inputs_and_what_outputs_need) {
    Rewritten result = remove_dead_code(infer_shapes(graph_of(
        "input x: f32[1,1,4,4]; input unused: f32[9]; const w: f32[2](1,2)",
        "a = Exp(w) since 13; y, i = MaxPool(x) {kernel_shape: [2,2]} since 12; output y")));
    EXPECT_EQ(sketch(result.shaped.graph), "y = MaxPool(x)\n");
    EXPECT_EQ(result.shaped.graph.inputs.size(), 2U);
    EXPECT_EQ(result.shaped.graph.values.size(), 3U);
    EXPECT_EQ(remove_dead_code(std::move(result.shaped)).changes, 0);
}

constexpr const char* kIf = R"(graph g
  input x: f32[2,3]
  input n: f32[4]
  const zero: i64[](0)
  const four: i64[](4)
  s = Shape(n) since 13 as Shape_0
  k = Gather(s, zero) since 13 as Gather_0
  c = Equal(k, four) since 13 as Equal_0
  y, z = If(c, x) {captures: 1} since 16 as If_1
    else_branch: graph less
      input x
      r = Transpose(x) since 13 as Transpose_0
      output r
      output x
    then_branch: graph more
      input x
      const half: f32[](0.5)
      t = Mul(x, half) since 14 as Mul_0 from Mul_0
      r = Relu(t) since 14 as Relu_0
      output r
      output half
  output y
  output z
)";

TEST(InlineIf, a_known_condition_leaves_one_branch) {
    const ShapedGraph result = simplify(infer_shapes(parse(kIf, "if")), {});
    verify(result, "test");
    EXPECT_EQ(sketch(result.graph), "If_1/t = Mul(x, If_1/half)\ny = Relu(If_1/t)\n");
    EXPECT_TRUE(result.graph.at(result.graph.outputs[1]).constant.has_value());
    EXPECT_EQ(result.graph.nodes[0].name, "If_1/Mul_0");
    EXPECT_THAT(result.graph.nodes[0].origins, ElementsAre("If_1/Mul_0"));
}

TEST(InlineIf, the_other_branch_passes_its_captured_value_on) {
    std::string text = kIf;
    text.replace(text.find("(4)"), 3, "(5)");
    const ShapedGraph result = simplify(infer_shapes(parse(text, "if")), {});
    EXPECT_EQ(sketch(result.graph), "y = Transpose(x)\nz = Identity(x)\n");
}

TEST(Simplify, obeys_skip_and_tells_what_ran) {
    const Graph graph = graph_of("input x: f32[2]",
                                 "a = Identity(x) since 16; b = Neg(x) since 13; "
                                 "y = Relu(a) since 14; output y");
    SimplifyOptions options;
    std::vector<std::string> ran;
    options.skip = {"remove_noops"};
    options.after = [&](std::string_view pass, int64_t, const ShapedGraph&) {
        ran.emplace_back(pass);
    };
    EXPECT_EQ(sketch(simplify(infer_shapes(graph), {}, options).graph),
              "a = Identity(x)\ny = Relu(a)\n");
    EXPECT_THAT(ran, ElementsAre("remove_dead_code"));
    options.skip = {"no_such_pass"};
    EXPECT_THROW(simplify(infer_shapes(graph), {}, options), UserError);
}

TEST(Simplify, its_result_is_a_fixpoint_and_prints_back) {
    const ShapedGraph once = simplify(infer_shapes(parse(kIf, "if")), {});
    const ShapedGraph twice = simplify(once, {});
    EXPECT_EQ(print(once.graph), print(twice.graph));
    EXPECT_EQ(print(parse(print(once.graph), "again")), print(once.graph));
}

}  // namespace
}  // namespace smeaton::model
