#include "model/onnx/write.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "model/onnx/raise.h"
#include "model/onnx/read.h"
#include "model/text/text.h"

namespace smeaton::model::onnx {
namespace {

using ::testing::HasSubstr;

Graph read_back(const Graph& graph, const std::map<std::string, Tensor>& defaults = {}) {
    const auto bytes = std::make_shared<const std::string>(write_model(graph, defaults));
    return read_onnx_bytes(std::as_bytes(std::span(*bytes)), bytes, "written.onnx");
}

std::string node_lines(const Graph& graph) {
    std::string text = print(graph), lines;
    for (size_t at = 0, end = 0; at < text.size(); at = end + 1) {
        end = text.find('\n', at);
        const std::string line = text.substr(at, end - at);
        if (line.find(" = ") != std::string::npos) lines += line + "\n";
    }
    return lines;
}

TEST(Write, what_was_written_reads_as_it_was) {
    const Graph graph = parse(R"(graph g
  opset "ai.onnx" 18
  input x: f32[2,3,4]
  input w: f32[3]
  const axes: i64[1](-1)
  const half: f32[](0.5)
  y: f32[2,3,1] = ReduceMean(x, axes) {keepdims: 1} since 18 as mean
  z: f32[2,3,1] = LeakyRelu(y) {alpha: 0.25} since 16 as leaky
  t: f32[3,2,1] = Transpose(z) {perm: [1,0,2]} since 13 as turn
  c: f32[3,2,1] = Clip(t, _, half) since 13 as clip
  output c
)",
                              "g.txt");
    const Graph back = read_back(graph);
    EXPECT_THAT(node_lines(back), HasSubstr("ReduceMean(x, axes) {keepdims: 1} since 18 as mean"));
    EXPECT_THAT(node_lines(back), HasSubstr("LeakyRelu(y) {alpha: 0.25} since 16 as leaky"));
    EXPECT_THAT(node_lines(back), HasSubstr("Transpose(z) {perm: [1,0,2]} since 13 as turn"));
    EXPECT_THAT(node_lines(back), HasSubstr("Clip(t, _, half) since 13 as clip"));
    ASSERT_EQ(back.inputs.size(), 2U);
    EXPECT_EQ(back.at(back.inputs[0]).shape, graph.at(graph.inputs[0]).shape);
}

TEST(Write, a_default_makes_an_input_that_may_be_fed) {
    const Graph graph = parse(R"(graph g
  opset "ai.onnx" 18
  input x: f32[2]
  input w: f32[2]
  y: f32[2] = Add(x, w) since 14 as add
  output y
)",
                              "g.txt");
    const Graph back = read_back(graph, {{"w", Tensor(tensor::DType::kF32, {2})}});
    ASSERT_EQ(back.inputs.size(), 1U);
    ASSERT_EQ(back.overridable.size(), 1U);
    EXPECT_EQ(back.overridable[0].name, "w");
}

TEST(Write, notes_stay_out_of_files) {
    Graph graph = parse(R"(graph g
  opset "ai.onnx" 18
  input x: f32[2]
  input i: i64[3]
  y: f32[3] = Gather(x, i) {__in_range: 1} since 13 as gather
  output y
)",
                        "g.txt");
    EXPECT_THAT(node_lines(read_back(graph)), HasSubstr("Gather(x, i) since 13 as gather"));
    EXPECT_EQ(write_model(graph).find("__in_range"), std::string::npos);
}

/// The nodes of `lines` over x: f32[2,4], raised to ai.onnx 18.
std::string raised(const std::string& lines) {
    return node_lines(raise_operators(
        parse("graph g\n  opset \"ai.onnx\" 9\n  input x: f32[2,4]\n" + lines + "  output y\n",
              "g.txt"),
        18));
}

TEST(Raise, attributes_that_became_operands) {
    EXPECT_THAT(raised("  y: f32[2] = ReduceMean(x) {axes: [1], keepdims: 0} since 1 as m\n"),
                HasSubstr("ReduceMean(x, \"m.axes\") {keepdims: 0} since 18 as m"));
    EXPECT_THAT(raised("  y: f32[2,4] = Clip(x) {max: 6.0, min: 0.0} since 6 as c\n"),
                HasSubstr("Clip(x, \"c.min\", \"c.max\") since 13 as c"));
    EXPECT_THAT(raised("  y: f32[2,6] = Pad(x) {pads: [0,1,0,1], value: 2.0} since 2 as p\n"),
                HasSubstr("Pad(x, \"p.pads\", \"p.value\") since 18 as p"));
    EXPECT_THAT(
        raised("  y: f32[2,2] = Slice(x) {axes: [1], ends: [3], starts: [1]} since 1 as s\n"),
        HasSubstr("Slice(x, \"s.starts\", \"s.ends\", \"s.axes\") since 13 as s"));
    EXPECT_THAT(raised("  a: f32[2,2], y: f32[2,2] = Split(x) {axis: 1} since 2 as s\n"),
                HasSubstr("Split(x) {axis: 1, num_outputs: 2} since 18 as s"));
}

TEST(Raise, a_softmax_over_the_last_axis_means_the_same) {
    EXPECT_THAT(raised("  y: f32[2,4] = Softmax(x) since 1 as s\n"),
                HasSubstr("Softmax(x) {axis: 1} since 13 as s"));
    EXPECT_THROW(raised("  y: f32[2,4] = Softmax(x) {axis: 0} since 1 as s\n"), UserError);
}

TEST(Raise, what_cannot_be_said_is_refused_by_node) {
    try {
        raised("  y: f32[4,8] = Upsample(x) {scales: [2.0,2.0]} since 7 as up\n");
        FAIL() << "not refused";
    } catch (const UserError& error) {
        EXPECT_THAT(error.what(), HasSubstr("node up (Upsample)"));
        EXPECT_THAT(error.what(), HasSubstr("export the model at ai.onnx 18"));
    }
}

}  // namespace
}  // namespace smeaton::model::onnx
