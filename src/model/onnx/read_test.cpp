#include "model/onnx/read.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/onnx/test_models.h"
#include "model/unsupported.h"
#include "model/verify.h"

namespace smeaton::model::onnx::testing {

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> node_names(const Graph& graph) {
    std::vector<std::string> names;
    for (const Node& node : graph.nodes) names.push_back(node.name);
    return names;
}

std::vector<std::string> input_names(const Graph& graph) {
    std::vector<std::string> names;
    for (const ValueId id : graph.inputs) names.push_back(graph.at(id).name);
    return names;
}

TEST(ReadOnnx, reads_a_node_with_its_types_and_version) {
    const Graph graph = read(relu_model(13));
    verify(graph, "read");
    ASSERT_EQ(graph.nodes.size(), 1u);
    EXPECT_EQ(graph.nodes[0].op, OpType::kRelu);
    EXPECT_EQ(graph.nodes[0].since_version, 13);
    EXPECT_EQ(graph.nodes[0].name, "r");
    EXPECT_THAT(graph.nodes[0].origins, ElementsAre("r"));
    EXPECT_THAT(input_names(graph), ElementsAre("x"));
    const Value& x = graph.at(graph.inputs[0]);
    EXPECT_EQ(x.dtype, DType::kF32);
    EXPECT_EQ(*x.shape, (std::vector<Dim>{2, 3}));
    EXPECT_EQ(graph.opsets.at("ai.onnx"), 13);
    EXPECT_EQ(graph.at(graph.outputs[0]).name, "y");
}

TEST(ReadOnnx, an_initializer_listed_as_input_is_no_input) {
    onnx_format::Model model = relu_model();
    onnx_format::Graph* graph = model.mutable_graph();
    add_input(graph, "w", {2});
    set_raw<float>(graph->add_initializer(), "w", kFloat, {2}, {1, 2});
    const Graph read_graph = read(model);
    EXPECT_THAT(input_names(read_graph), ElementsAre("x"));
    EXPECT_TRUE(find_value(read_graph, "w")->constant.has_value());
}

TEST(ReadOnnx, sizes_that_the_file_leaves_open_become_parameters) {
    onnx_format::Model model = relu_model();
    auto* shape = model.mutable_graph()
                      ->mutable_input(0)
                      ->mutable_type()
                      ->mutable_tensor_type()
                      ->mutable_shape();
    shape->clear_dim();
    shape->add_dim()->set_dim_param("N");
    shape->add_dim()->set_dim_param("?");
    shape->add_dim()->set_dim_param("-1");
    shape->add_dim()->set_dim_value(-1);
    shape->add_dim()->set_dim_value(0);
    shape->add_dim();
    shape->add_dim()->set_dim_param("7");
    const Graph graph = read(model);
    std::vector<std::string> dims;
    for (const Dim& dim : *graph.at(graph.inputs[0]).shape)
        dims.push_back(dim.symbols().empty() ? dim.str() : dim.symbols()[0].str());
    EXPECT_THAT(dims, ElementsAre("N", "x:1", "x:2", "x:3", "x:4", "x:5", "7"));
}

TEST(ReadOnnx, nodes_come_into_topological_order) {
    onnx_format::Model model = model_of_opset(14);
    onnx_format::Graph* graph = model.mutable_graph();
    add_input(graph, "x", {2});
    add_output(graph, "c");
    add_node(graph, "Exp", {"b"}, {"c"}, "third");
    add_node(graph, "Relu", {"x"}, {"a"}, "first");
    add_node(graph, "Abs", {"a"}, {"b"}, "second");
    EXPECT_THAT(node_names(read(model)), ElementsAre("first", "second", "third"));
}

TEST(ReadOnnx, nodes_without_a_name_get_a_unique_one) {
    onnx_format::Model model = model_of_opset(14);
    onnx_format::Graph* graph = model.mutable_graph();
    add_input(graph, "x", {2});
    add_output(graph, "c");
    add_node(graph, "Relu", {"x"}, {"a"});
    add_node(graph, "Relu", {"a"}, {"b"}, "Relu_0");
    add_node(graph, "Relu", {"b"}, {"c"}, "Relu_0");
    EXPECT_THAT(node_names(read(model)), ElementsAre("Relu_0_3", "Relu_0", "Relu_0_2"));
}

TEST(ReadOnnx, absent_inputs_and_outputs_stay_absent) {
    onnx_format::Model model = model_of_opset(14);
    onnx_format::Graph* graph = model.mutable_graph();
    add_input(graph, "x", {2});
    add_input(graph, "high", {});
    add_output(graph, "y");
    add_node(graph, "Clip", {"x", "", "high"}, {"a"});
    add_node(graph, "Dropout", {"a", "", ""}, {"y", ""});
    const Graph read_graph = read(model);
    const Node& clip = read_graph.nodes[0];
    ASSERT_EQ(clip.inputs.size(), 3u);
    EXPECT_FALSE(clip.inputs[1].valid());
    EXPECT_EQ(read_graph.nodes[1].inputs.size(), 1u) << "absent inputs at the end are dropped";
    ASSERT_EQ(read_graph.nodes[1].outputs.size(), 2u);
    EXPECT_FALSE(read_graph.nodes[1].outputs[1].valid());
}

TEST(ReadOnnx, every_kind_of_attribute_is_read) {
    onnx_format::Model model = relu_model();
    onnx_format::Node* node = model.mutable_graph()->mutable_node(0);
    add_attribute(node, "f", 1)->set_f(0.5f);
    add_attribute(node, "zero", 1);
    add_attribute(node, "i", 2)->set_i(-3);
    add_attribute(node, "s", 3)->set_s("text");
    set_raw<float>(add_attribute(node, "t", 4)->mutable_t(), "", kFloat, {2}, {1, 2});
    add_attribute(node, "fs", 6)->add_floats(1.5f);
    add_attribute(node, "is", 7)->add_ints(4);
    add_attribute(node, "ss", 8)->add_strings("a");
    add_attribute(node, "old", 0)->set_i(9);
    const Attributes attributes = read(model).nodes[0].attributes;
    EXPECT_EQ(std::get<double>(attributes.at("f")), 0.5);
    EXPECT_EQ(std::get<double>(attributes.at("zero")), 0.0);
    EXPECT_EQ(std::get<int64_t>(attributes.at("i")), -3);
    EXPECT_EQ(std::get<std::string>(attributes.at("s")), "text");
    EXPECT_EQ(std::get<Tensor>(attributes.at("t")).at_as_double(1), 2.0);
    EXPECT_THAT(std::get<std::vector<double>>(attributes.at("fs")), ElementsAre(1.5));
    EXPECT_THAT(std::get<std::vector<int64_t>>(attributes.at("is")), ElementsAre(4));
    EXPECT_THAT(std::get<std::vector<std::string>>(attributes.at("ss")), ElementsAre("a"));
    EXPECT_EQ(std::get<int64_t>(attributes.at("old")), 9);
}

TEST(ReadOnnx, declared_shapes_of_other_values_are_kept_when_they_are_numbers) {
    onnx_format::Model model = model_of_opset(14);
    onnx_format::Graph* graph = model.mutable_graph();
    add_input(graph, "x", {2});
    add_output(graph, "b");
    add_node(graph, "Relu", {"x"}, {"a"});
    add_node(graph, "Relu", {"a"}, {"b"});
    add_tensor_info(graph->add_value_info(), "a", kFloat, {2});
    add_tensor_info(graph->add_value_info(), "nobody", kFloat, {2});
    graph->mutable_output(0)->mutable_type()->mutable_tensor_type()->mutable_shape()->add_dim();
    const Graph read_graph = read(model);
    EXPECT_EQ(*find_value(read_graph, "a")->shape, (std::vector<Dim>{2}));
    EXPECT_FALSE(find_value(read_graph, "b")->shape.has_value());
    EXPECT_EQ(find_value(read_graph, "b")->dtype, DType::kF32);
}

TEST(ReadOnnx, all_unsupported_nodes_are_listed_at_once) {
    onnx_format::Model model = model_of_opset(13);
    onnx_format::Graph* graph = model.mutable_graph();
    add_input(graph, "x", {2});
    add_output(graph, "d");
    add_node(graph, "Frobnicate", {"x"}, {"a"}, "f");
    add_node(graph, "Foo", {"a"}, {"b"}, "foo")->set_domain("com.x");
    add_node(graph, "Gelu", {"b"}, {"c"}, "gelu");
    add_node(graph, "Loop", {"", "", "c"}, {"d"}, "loop");
    const std::vector<UnsupportedNode> found = unsupported(read(model));
    ASSERT_EQ(found.size(), 4u);
    EXPECT_EQ(found[0].node, "f");
    EXPECT_THAT(found[0].reason, HasSubstr("no operator 'Frobnicate'"));
    EXPECT_EQ(found[1].op, "com.x.Foo");
    EXPECT_THAT(found[1].reason, HasSubstr("domain 'com.x'"));
    EXPECT_THAT(found[2].reason,
                HasSubstr("imports ai.onnx 13, but 'Gelu' exists from version 20"));
    EXPECT_THAT(found[3].reason, HasSubstr("'Loop' is not supported yet"));
    try {
        refuse_unsupported(read(model));
        FAIL() << "not refused";
    } catch (const UserError& error) {
        EXPECT_THAT(error.what(), HasSubstr("4 nodes of the model are not supported"));
        EXPECT_THAT(error.what(), HasSubstr("\n  foo (com.x.Foo): "));
    }
}

TEST(ReadOnnx, an_operator_older_than_opset_6_is_refused_by_name) {
    const std::vector<UnsupportedNode> found = unsupported(read(relu_model(5)));
    ASSERT_EQ(found.size(), 1u);
    EXPECT_THAT(found[0].reason, HasSubstr("'Relu' of ai.onnx 5 is older"));
}

TEST(ReadOnnx, an_operator_unchanged_since_before_opset_6_is_read) {
    onnx_format::Model model = relu_model(5);
    model.mutable_graph()->mutable_node(0)->set_op_type("GlobalMaxPool");
    const Graph graph = read(model);
    EXPECT_EQ(graph.nodes[0].op, OpType::kGlobalMaxPool);
    EXPECT_EQ(graph.nodes[0].since_version, 1);
}

TEST(ReadOnnx, an_input_that_is_a_sequence_is_unsupported) {
    onnx_format::Model model = relu_model();
    onnx_format::ValueInfo* info = model.mutable_graph()->add_input();
    info->set_name("s");
    info->mutable_type()->mutable_sequence_type();
    const Graph graph = read(model);
    ASSERT_EQ(unsupported(graph).size(), 1u);
    EXPECT_EQ(unsupported(graph)[0].node, "s");
    EXPECT_THAT(graph.warnings, ElementsAre(HasSubstr("'s' is a sequence")));
}

TEST(ReadOnnx, imports_of_unused_domains_are_tolerated) {
    onnx_format::Model model = relu_model();
    auto* import = model.add_opset_import();
    import->set_domain("com.x");
    import->set_version(99);
    EXPECT_THAT(unsupported(read(model)), IsEmpty());
}

/// y = If(c) { Add(x, k) } else { x }
onnx_format::Model branching_model() {
    onnx_format::Model model = model_of_opset(16);
    onnx_format::Graph* graph = model.mutable_graph();
    add_input(graph, "x", {2});
    add_input(graph, "c", {}, kBool);
    add_output(graph, "y");
    onnx_format::Node* node = add_node(graph, "If", {"c"}, {"y"}, "choose");
    onnx_format::Graph* then_branch = add_attribute(node, "then_branch", 5)->mutable_g();
    add_node(then_branch, "Add", {"k", "x"}, {"sum"}, "add");
    add_output(then_branch, "sum");
    onnx_format::Graph* else_branch = add_attribute(node, "else_branch", 5)->mutable_g();
    add_output(else_branch, "x");
    add_node(graph, "Relu", {"x"}, {"k"}, "after");
    return model;
}

TEST(ReadOnnx, subgraphs_take_what_they_capture_as_inputs) {
    const Graph graph = read(branching_model());
    verify(graph, "read");
    EXPECT_THAT(node_names(graph), ElementsAre("after", "choose"))
        << "a captured value orders nodes";
    const Node& choose = graph.nodes[1];
    EXPECT_EQ(std::get<int64_t>(choose.attributes.at("captures")), 2);
    ASSERT_EQ(choose.inputs.size(), 3u);
    EXPECT_EQ(graph.at(choose.inputs[1]).name, "k");
    EXPECT_EQ(graph.at(choose.inputs[2]).name, "x");
    const Graph& then_branch = *std::get<GraphPtr>(choose.attributes.at("then_branch"));
    const Graph& else_branch = *std::get<GraphPtr>(choose.attributes.at("else_branch"));
    EXPECT_THAT(input_names(then_branch), ElementsAre("k", "x"));
    EXPECT_THAT(input_names(else_branch), ElementsAre("k", "x"));
    EXPECT_EQ(then_branch.nodes[0].inputs, then_branch.inputs);
    EXPECT_EQ(else_branch.outputs[0], else_branch.inputs[1]);
}

TEST(ReadOnnx, values_are_captured_through_two_levels) {
    onnx_format::Model model = branching_model();
    onnx_format::Graph* graph = model.mutable_graph();
    const onnx_format::Node inner = graph->node(0);
    onnx_format::Graph* else_branch = graph->mutable_node(0)->mutable_attribute(1)->mutable_g();
    *else_branch->add_node() = inner;
    else_branch->mutable_node(0)->set_output(0, "z");
    else_branch->mutable_output(0)->set_name("z");
    const Graph read_graph = read(model);
    verify(read_graph, "read");
    const Node& outer = read_graph.nodes[1];
    EXPECT_EQ(std::get<int64_t>(outer.attributes.at("captures")), 3) << "k, x and c";
}

TEST(ReadOnnx, unsupported_nodes_in_subgraphs_are_listed_with_their_place) {
    onnx_format::Model model = branching_model();
    model.mutable_graph()
        ->mutable_node(0)
        ->mutable_attribute(0)
        ->mutable_g()
        ->mutable_node(0)
        ->set_op_type("Frobnicate");
    const std::vector<UnsupportedNode> found = unsupported(read(model));
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].node, "choose/then_branch/add");
}

}  // namespace

}  // namespace smeaton::model::onnx::testing
