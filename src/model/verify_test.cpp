#include "model/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "model/text/text.h"

namespace smeaton::model {
namespace {

using testing::HasSubstr;

Graph small() {
    return parse(R"(graph g
  input x: f32[2]
  const w: f32[2](1.0, 2.0)
  a: f32[2] = Add(x, w) since 14 as Add_0
  b: f32[2] = Relu(a) since 14 as Relu_1
  output b
)",
                 "small");
}

std::string error_of(const Graph& g) {
    try {
        verify(g, "fold_constants");
    } catch (const InternalError& error) {
        return error.what();
    }
    return "no error";
}

TEST(VerifyModel, a_whole_graph_passes_and_left_over_values_are_ignored) {
    Graph g = small();
    g.values.push_back({});
    EXPECT_EQ(error_of(g), "no error");
}

TEST(VerifyModel, names_pass_graph_node_and_value) {
    Graph g = small();
    std::swap(g.nodes[0], g.nodes[1]);
    EXPECT_EQ(error_of(g),
              "after fold_constants, graph g: node Relu_1: value a is read before it is defined");
}

TEST(VerifyModel, ids_lie_in_range) {
    Graph g = small();
    g.nodes[0].inputs[0].v = 17;
    EXPECT_THAT(error_of(g), HasSubstr("value id 17 is out of range"));
    g = small();
    g.outputs[0] = {};
    EXPECT_THAT(error_of(g), HasSubstr("graph outputs: value id -1"));
}

TEST(VerifyModel, a_value_is_defined_once) {
    Graph g = small();
    g.nodes[1].outputs = g.nodes[0].outputs;
    EXPECT_THAT(error_of(g), HasSubstr("value a is an output of node Add_0 and also"));
    g = small();
    g.values[2].constant = g.values[1].constant;
    EXPECT_THAT(error_of(g), HasSubstr("value a is a constant and also an output of node Add_0"));
}

TEST(VerifyModel, names_are_unique_and_not_empty) {
    Graph g = small();
    g.nodes[1].name = "Add_0";
    EXPECT_THAT(error_of(g), HasSubstr("two nodes have the name Add_0"));
    g = small();
    g.values[3].name = "x";
    EXPECT_THAT(error_of(g), HasSubstr("two values have the name x"));
    g = small();
    g.values[3].name = "";
    EXPECT_THAT(error_of(g), HasSubstr("has no name"));
}

TEST(VerifyModel, a_constant_agrees_with_its_value) {
    Graph g = small();
    g.values[1].dtype = DType::kF64;
    EXPECT_THAT(error_of(g), HasSubstr("constant w is f32, its value says f64"));
    g = small();
    g.values[1].shape = std::vector<Dim>{Dim(1), Dim(2)};
    EXPECT_THAT(error_of(g), HasSubstr("constant w has another shape"));
}

TEST(VerifyModel, a_shaped_graph_has_dtypes_and_shapes) {
    ShapedGraph shaped{small()};
    verify(shaped, "infer_shapes");
    shaped.graph.values[3].shape.reset();
    EXPECT_THROW(verify(shaped, "infer_shapes"), InternalError);
    EXPECT_EQ(error_of(shaped.graph), "no error");
    shaped.graph.values[3].shape = std::vector<Dim>{Dim(-1)};
    EXPECT_THAT(error_of(shaped.graph), HasSubstr("negative dim"));
}

TEST(VerifyModel, subgraphs_are_closed_and_take_the_captured_values) {
    std::string text = R"(graph g
  input c: bool[]
  input x: f32[2]
  y = If(c, x) {captures: 1} since 16 as If_0
    else_branch: graph e
      input x
      output x
    then_branch: graph t
      input x
      output x
  output y
)";
    Graph g = parse(text, "if");
    EXPECT_EQ(error_of(g), "no error");
    g.nodes[0].attributes["captures"] = int64_t{0};
    EXPECT_THAT(error_of(g), HasSubstr("node If_0, else_branch: inputs beyond"));
    g = parse(text, "if");
    g.nodes[0].inputs.pop_back();
    EXPECT_THAT(error_of(g), HasSubstr("1 captured values, but the node has 1 inputs"));
    g = parse(text, "if");
    auto branch =
        std::make_shared<Graph>(*std::get<GraphPtr>(g.nodes[0].attributes["else_branch"]));
    branch->outputs[0].v = 5;
    g.nodes[0].attributes["else_branch"] = GraphPtr(branch);
    EXPECT_THAT(error_of(g), HasSubstr("node If_0, else_branch: graph outputs: value id 5"));
}

}  // namespace
}  // namespace smeaton::model
