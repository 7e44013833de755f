#include "model/onnx/functions.h"

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

onnx_format::Function* add_function(onnx_format::Model& model, const std::string& name,
                                    std::initializer_list<const char*> inputs,
                                    std::initializer_list<const char*> outputs) {
    onnx_format::Function* function = model.add_functions();
    function->set_name(name);
    function->set_domain("own");
    for (const char* input : inputs) function->add_input(input);
    for (const char* output : outputs) function->add_output(output);
    function->add_opset_import()->set_version(11);
    return function;
}

/// x -> own.Twice (named "call") -> y
onnx_format::Model calling_model(const std::string& function) {
    onnx_format::Model model = relu_model(18);
    onnx_format::Node* node = model.mutable_graph()->mutable_node(0);
    node->set_op_type(function);
    node->set_domain("own");
    node->set_name("call");
    return model;
}

TEST(Functions, a_call_becomes_the_nodes_of_the_body) {
    onnx_format::Model model = calling_model("Twice");
    onnx_format::Function* function = add_function(model, "Twice", {"a"}, {"b"});
    add_node(function, "Softmax", {"a"}, {"t"}, "inner");
    add_node(function, "Relu", {"t"}, {"b"});
    const Graph graph = read(model);
    verify(graph, "read");
    ASSERT_EQ(graph.nodes.size(), 2u);
    EXPECT_EQ(graph.nodes[0].name, "call/inner");
    EXPECT_EQ(graph.nodes[0].since_version, 11) << "the function's own operator set is in force";
    EXPECT_EQ(graph.nodes[1].name, "call/Relu_1");
    EXPECT_EQ(graph.at(graph.nodes[0].outputs[0]).name, "call/t");
    EXPECT_EQ(graph.at(graph.nodes[1].outputs[0]).name, "y");
}

TEST(Functions, attributes_of_the_body_refer_to_the_call_and_to_defaults) {
    onnx_format::Model model = calling_model("F");
    add_attribute(model.mutable_graph()->mutable_node(0), "given", 2)->set_i(5);
    onnx_format::Function* function = add_function(model, "F", {"a"}, {"b"});
    onnx_format::Node* node = add_node(function, "Relu", {"a"}, {"b"});
    add_attribute(node, "p", 2)->set_ref_attr_name("given");
    add_attribute(node, "q", 2)->set_ref_attr_name("fallback");
    add_attribute(node, "r", 2)->set_ref_attr_name("left_out");
    onnx_format::Attribute* fallback = function->add_attribute_proto();
    fallback->set_name("fallback");
    fallback->set_type(2);
    fallback->set_i(7);
    function->add_attribute("left_out");
    const Attributes attributes = read(model).nodes[0].attributes;
    EXPECT_EQ(std::get<int64_t>(attributes.at("p")), 5);
    EXPECT_EQ(std::get<int64_t>(attributes.at("q")), 7);
    EXPECT_EQ(attributes.count("r"), 0u);
}

TEST(Functions, attributes_pass_through_nested_calls) {
    onnx_format::Model model = calling_model("Outer");
    add_attribute(model.mutable_graph()->mutable_node(0), "k", 2)->set_i(5);
    onnx_format::Function* outer = add_function(model, "Outer", {"a"}, {"b"});
    onnx_format::Node* call = add_node(outer, "Inner", {"a"}, {"b"}, "second");
    call->set_domain("own");
    add_attribute(call, "m", 2)->set_ref_attr_name("k");
    onnx_format::Function* inner = add_function(model, "Inner", {"a"}, {"b"});
    onnx_format::Node* node = add_node(inner, "Relu", {"a"}, {"b"}, "third");
    add_attribute(node, "p", 2)->set_ref_attr_name("m");
    const Graph graph = read(model);
    ASSERT_EQ(graph.nodes.size(), 1u);
    EXPECT_EQ(graph.nodes[0].name, "call/second/third");
    EXPECT_EQ(std::get<int64_t>(graph.nodes[0].attributes.at("p")), 5);
}

TEST(Functions, the_overload_picks_among_functions_of_one_name) {
    onnx_format::Model model = calling_model("F");
    model.mutable_graph()->mutable_node(0)->set_overload("two");
    add_node(add_function(model, "F", {"a"}, {"b"}), "Relu", {"a"}, {"b"});
    onnx_format::Function* two = add_function(model, "F", {"a"}, {"b"});
    two->set_overload("two");
    add_node(two, "Abs", {"a"}, {"b"});
    EXPECT_EQ(read(model).nodes[0].op, OpType::kAbs);
}

TEST(Functions, an_input_handed_on_as_output_becomes_an_identity) {
    onnx_format::Model model = calling_model("F");
    add_function(model, "F", {"a"}, {"a"});
    const Graph graph = read(model);
    verify(graph, "read");
    ASSERT_EQ(graph.nodes.size(), 1u);
    EXPECT_EQ(graph.nodes[0].op, OpType::kIdentity);
    EXPECT_EQ(graph.nodes[0].since_version, 1);
}

TEST(Functions, an_input_that_the_call_leaves_out_is_absent_in_the_body) {
    onnx_format::Model model = calling_model("F");
    add_node(add_function(model, "F", {"a", "low"}, {"b"}), "Clip", {"a", "low"}, {"b"});
    EXPECT_EQ(read(model).nodes[0].inputs.size(), 1u);
}

TEST(Functions, an_output_that_the_call_leaves_out_is_a_value_of_the_body) {
    onnx_format::Model model = calling_model("F");
    onnx_format::Function* function = add_function(model, "F", {"a"}, {"b", "c"});
    add_node(function, "Relu", {"a"}, {"c"});
    add_node(function, "Relu", {"c"}, {"b"});
    const Graph graph = read(model);
    verify(graph, "read");
    EXPECT_EQ(graph.at(graph.nodes[0].outputs[0]).name, "call/c");
}

TEST(Functions, a_subgraph_in_a_body_captures_the_bodys_values) {
    onnx_format::Model model = calling_model("F");
    onnx_format::Function* function = add_function(model, "F", {"a"}, {"b"});
    add_node(function, "Cast", {"a"}, {"c"});
    onnx_format::Node* node = add_node(function, "If", {"c"}, {"b"}, "if");
    for (const char* key : {"then_branch", "else_branch"}) {
        onnx_format::Graph* branch = add_attribute(node, key, 5)->mutable_g();
        add_node(branch, "Relu", {"a"}, {"r"});
        add_output(branch, "r");
    }
    const Graph graph = read(model);
    verify(graph, "read");
    ASSERT_EQ(graph.nodes.size(), 2u);
    EXPECT_EQ(graph.at(graph.nodes[1].inputs[1]).name, "x");
}

TEST(Functions, a_body_sees_no_value_of_the_caller) {
    onnx_format::Model model = calling_model("F");
    add_node(add_function(model, "F", {"a"}, {"b"}), "Add", {"a", "x"}, {"b"}, "add");
    EXPECT_THAT(refusal(model), HasSubstr("node 'call/add' (Add): reads 'x', which no input"));
}

TEST(Functions, recursion_is_refused) {
    onnx_format::Model model = calling_model("F");
    add_node(add_function(model, "F", {"a"}, {"b"}), "G", {"a"}, {"b"})->set_domain("own");
    add_node(add_function(model, "G", {"a"}, {"b"}), "F", {"a"}, {"b"})->set_domain("own");
    EXPECT_THAT(refusal(model), HasSubstr("function 'F' is recursive: 'F' calls 'G' calls 'F'"));
    EXPECT_THAT(refusal(model), HasSubstr("m.onnx: node 'call' (own.F): "));
}

TEST(Functions, recursion_that_is_never_called_does_no_harm) {
    onnx_format::Model model = relu_model();
    add_node(add_function(model, "F", {"a"}, {"b"}), "F", {"a"}, {"b"})->set_domain("own");
    EXPECT_THAT(refusal(model), IsEmpty());
}

TEST(Functions, a_small_file_that_unfolds_without_end_is_refused) {
    onnx_format::Model model = calling_model("F0");
    for (int level = 0; level < 40; ++level) {
        onnx_format::Function* function =
            add_function(model, "F" + std::to_string(level), {"a"}, {"b"});
        const std::string callee = level == 39 ? "Relu" : "F" + std::to_string(level + 1);
        for (const auto& [in, out] : {std::pair("a", "t"), std::pair("t", "b")})
            add_node(function, callee, {in}, {out})->set_domain(level == 39 ? "" : "own");
    }
    EXPECT_THAT(refusal(model), HasSubstr("its functions, inlined, take more than 256 MiB"));
}

TEST(Functions, calls_nested_too_deep_are_refused) {
    onnx_format::Model model = calling_model("F0");
    for (int level = 0; level < 10000; ++level)
        add_node(add_function(model, "F" + std::to_string(level), {"a"}, {"b"}),
                 "F" + std::to_string(level + 1), {"a"}, {"b"})
            ->set_domain("own");
    EXPECT_THAT(refusal(model), HasSubstr("nest deeper than 64 levels"));
}

TEST(Functions, a_call_with_too_many_inputs_is_refused) {
    onnx_format::Model model = calling_model("F");
    add_node(add_function(model, "F", {}, {"b"}), "Constant", {}, {"b"});
    EXPECT_THAT(refusal(model),
                HasSubstr("gives function 'F' 1 inputs and 1 outputs; it has 0 and 1"));
}

TEST(Functions, a_body_that_does_not_make_its_output_is_refused) {
    onnx_format::Model model = calling_model("F");
    add_function(model, "F", {"a"}, {"b"});
    EXPECT_THAT(refusal(model), HasSubstr("function 'F' does not make its output 'b'"));
}

}  // namespace

}  // namespace smeaton::model::onnx::testing
