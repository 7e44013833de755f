// Files that are no models, or broken ones: one clear message each, and no large allocation.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "model/onnx/test_models.h"

namespace smeaton::model::onnx::testing {

namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(BadInput, an_empty_file_is_refused) {
    EXPECT_EQ(refusal(std::string()), "m.onnx: the file is empty");
}

TEST(BadInput, a_missing_file_a_folder_and_a_pipe_are_refused) {
    EXPECT_THROW(read_onnx("/nowhere/m.onnx"), UserError);
    EXPECT_THROW(read_onnx("/tmp"), UserError);
    EXPECT_THROW(read_onnx("/dev/zero"), UserError);
}

TEST(BadInput, every_cut_of_a_file_is_refused_or_read) {
    onnx_format::Model model = relu_model();
    set_raw<float>(model.mutable_graph()->add_initializer(), "w", kFloat, {8},
                   {1, 2, 3, 4, 5, 6, 7, 8});
    const std::string whole = model.SerializeAsString();
    ASSERT_EQ(refusal(whole), "");
    int refused = 0;
    for (size_t length = 0; length < whole.size(); ++length) {
        const std::string message = refusal(whole.substr(0, length));
        if (message.empty()) continue;
        EXPECT_THAT(message, StartsWith("m.onnx: "));
        ++refused;
    }
    EXPECT_GE(refused, static_cast<int>(whole.size()) - 2);
}

TEST(BadInput, a_cut_file_is_said_to_be_cut) {
    const std::string whole = relu_model().SerializeAsString();
    EXPECT_THAT(refusal(whole.substr(0, whole.size() / 2)),
                AllOf(HasSubstr("m.onnx: byte "), HasSubstr("(in graph)"),
                      HasSubstr("the file is cut short, damaged or not an ONNX file")));
}

TEST(BadInput, random_bytes_are_refused) {
    std::mt19937 random(7);
    for (int round = 0; round < 2000; ++round) {
        std::string bytes(1 + random() % 200, '\0');
        for (char& byte : bytes) byte = static_cast<char>(random());
        EXPECT_THAT(refusal(bytes), StartsWith("m.onnx: "));
    }
}

TEST(BadInput, a_damaged_byte_never_does_more_than_refuse) {
    const std::string whole = relu_model().SerializeAsString();
    for (size_t at = 0; at < whole.size(); ++at)
        for (const int value : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
            std::string damaged = whole;
            damaged[at] = static_cast<char>(value);
            refusal(damaged);  // anything but a UserError ends the test
        }
}

TEST(BadInput, a_length_beyond_the_file_is_refused_before_anything_is_allocated) {
    // graph (field 7) of 2^40 bytes
    EXPECT_THAT(refusal(std::string("\x3a\x80\x80\x80\x80\x80\x20", 7)),
                HasSubstr("byte 1 (in graph): a length of 1099511627776 bytes where 0 are left"));
}

/// A length-delimited field, written by hand: the generated classes refuse to write some files.
std::string field(char key, const std::string& inside) {
    std::string bytes(1, key);
    size_t size = inside.size();
    for (; size >= 0x80; size >>= 7) bytes += static_cast<char>(size | 0x80);
    bytes += static_cast<char>(size);
    return bytes + inside;
}

TEST(BadInput, messages_nested_without_end_are_refused) {
    std::string type;
    for (int level = 0; level < 10000; ++level)  // sequence_type { elem_type { ... } }
        type = field('\x22', field('\x0a', type));
    const std::string model = field('\x3a', field('\x5a', field('\x12', type)));
    EXPECT_THAT(refusal(model), HasSubstr("messages nest deeper than 64 levels"));
}

TEST(BadInput, millions_of_empty_nodes_are_refused) {
    std::string nodes;
    for (int i = 0; i < 4'100'000; ++i) nodes.append("\x0a\x00", 2);
    const std::string file = relu_model().SerializeAsString() + field('\x3a', nodes);
    EXPECT_THAT(refusal(file), HasSubstr("more than 4000000 messages"));
}

TEST(BadInput, a_model_without_graph_or_version_is_refused) {
    onnx_format::Model model = relu_model();
    model.clear_ir_version();
    EXPECT_THAT(refusal(model), HasSubstr("not an ONNX model"));
    model = relu_model();
    model.clear_graph();
    EXPECT_THAT(refusal(model), HasSubstr("not an ONNX model: it has no graph"));
}

TEST(BadInput, unknown_versions_are_refused_by_name) {
    EXPECT_EQ(refusal(relu_model(28)),
              "m.onnx: the model imports version 28 of ai.onnx; versions 6 to 27 are supported");
    EXPECT_THAT(refusal(relu_model(0)), HasSubstr("imports version 0 of ai.onnx"));
    onnx_format::Model model = relu_model();
    model.set_ir_version(14);
    EXPECT_THAT(refusal(model), HasSubstr("(ir_version) is 14; versions 1 to 13 are read"));
    model = relu_model();
    model.clear_opset_import();
    EXPECT_THAT(refusal(model), HasSubstr("node 'r' (Relu): the model does not say which version"));
    model = relu_model();
    auto* again = model.add_opset_import();
    again->set_domain("ai.onnx");
    again->set_version(3);
    EXPECT_THAT(refusal(model), HasSubstr("both at version 14 and at version 3"));
}

TEST(BadInput, a_cycle_is_refused_with_its_nodes) {
    onnx_format::Model model = model_of_opset(14);
    onnx_format::Graph* graph = model.mutable_graph();
    add_input(graph, "x", {2});
    add_output(graph, "d");
    add_node(graph, "Add", {"x", "c"}, {"a"}, "first");
    add_node(graph, "Relu", {"a"}, {"c"}, "second");
    add_node(graph, "Relu", {"c"}, {"d"}, "behind");
    EXPECT_EQ(refusal(model),
              "m.onnx: the graph has a cycle: 'first' (Add) reads from 'second' (Relu) reads from "
              "'first'");
}

TEST(BadInput, a_missing_initializer_is_refused_with_its_reader) {
    onnx_format::Model model = relu_model();
    model.mutable_graph()->mutable_node(0)->set_input(0, "w");
    EXPECT_EQ(
        refusal(model),
        "m.onnx: node 'r' (Relu): reads 'w', which no input, initializer or node of the graph "
        "provides");
}

TEST(BadInput, a_missing_output_is_refused) {
    onnx_format::Model model = relu_model();
    add_output(model.mutable_graph(), "z");
    EXPECT_EQ(refusal(model), "m.onnx: no node makes the graph output 'z'");
}

TEST(BadInput, a_value_with_two_sources_is_refused) {
    onnx_format::Model model = relu_model();
    add_node(model.mutable_graph(), "Abs", {"x"}, {"y"}, "again");
    EXPECT_THAT(refusal(model),
                HasSubstr("node 'again' (Abs) defines 'y', which is defined already"));
    model = relu_model();
    add_input(model.mutable_graph(), "x", {2});
    EXPECT_THAT(refusal(model), HasSubstr("graph input 'x' defines 'x'"));
    model = relu_model();
    for (int i = 0; i < 2; ++i)
        set_raw<float>(model.mutable_graph()->add_initializer(), "w", kFloat, {}, {1});
    EXPECT_THAT(refusal(model), HasSubstr("initializer 'w' defines 'w'"));
}

TEST(BadInput, a_node_without_operator_is_refused) {
    onnx_format::Model model = relu_model();
    model.mutable_graph()->mutable_node(0)->clear_op_type();
    EXPECT_THAT(refusal(model), HasSubstr("node 'r' has no operator"));
}

TEST(BadInput, names_that_are_no_text_are_refused_and_shown_safely) {
    onnx_format::Model model = relu_model();
    model.mutable_graph()->mutable_node(0)->set_name("a\n\x1b[31m\xff");
    EXPECT_THAT(refusal(model), HasSubstr("a node's name, 'a\\n\\x1b[31m?', is not UTF-8 text"));
    model.mutable_graph()->mutable_node(0)->set_name("a\n\x1b[31m");
    EXPECT_EQ(refusal(model), "");
    model = relu_model();
    model.mutable_graph()->mutable_node(0)->set_name("\xc3\xa9\xe2\x82\xac");
    EXPECT_EQ(refusal(model), "");
}

TEST(BadInput, broken_attributes_are_refused_with_node_and_name) {
    const auto with = [](int kind) {
        onnx_format::Model model = relu_model();
        add_attribute(model.mutable_graph()->mutable_node(0), "a", kind);
        return refusal(model);
    };
    EXPECT_EQ(with(0), "m.onnx: node 'r' (Relu): attribute 'a' holds no value");
    EXPECT_EQ(with(4), "m.onnx: node 'r' (Relu): attribute 'a' holds no tensor");
    EXPECT_EQ(with(5), "m.onnx: node 'r' (Relu): attribute 'a' holds no graph");
    EXPECT_EQ(with(42), "m.onnx: node 'r' (Relu): attribute 'a' has the unknown kind 42");
    onnx_format::Model model = relu_model();
    for (int i = 0; i < 2; ++i)
        add_attribute(model.mutable_graph()->mutable_node(0), "a", 2)->set_i(i);
    EXPECT_THAT(refusal(model), HasSubstr("attribute 'a' is given twice"));
    model = relu_model();
    add_attribute(model.mutable_graph()->mutable_node(0), "a", 2)->set_ref_attr_name("b");
    EXPECT_THAT(refusal(model), HasSubstr("stands in no function"));
    model = relu_model();
    onnx_format::Tensor* tensor =
        add_attribute(model.mutable_graph()->mutable_node(0), "a", 4)->mutable_t();
    tensor->set_data_type(kFloat);
    tensor->add_dims(3);
    EXPECT_EQ(refusal(model),
              "m.onnx: node 'r' (Relu): the tensor in attribute 'a': holds 0 numbers of data, but "
              "f32[3] takes 3");
}

TEST(BadInput, an_if_that_is_none_is_refused) {
    onnx_format::Model model = relu_model(16);
    model.mutable_graph()->mutable_node(0)->set_op_type("If");
    EXPECT_THAT(refusal(model),
                HasSubstr("node 'r' (If): has no graph in attribute 'then_branch'"));
    onnx_format::Node* node = model.mutable_graph()->mutable_node(0);
    for (const char* key : {"then_branch", "else_branch"})
        add_attribute(node, key, 5)->mutable_g()->set_name("b");
    EXPECT_THAT(refusal(model),
                HasSubstr("'then_branch' makes 0 values, but the node has 1 outputs"));
}

}  // namespace

}  // namespace smeaton::model::onnx::testing
