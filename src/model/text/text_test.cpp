#include "model/text/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace smeaton::model {
namespace {

constexpr const char* kWhole = R"(graph tail
  opset "" 17
  opset "com.example" 1
  open weights
  warning "input x: declared shape [1,3] disagrees"
  input x: f32[N,3,2*S + 1,8]
  input "images/0.in": ?[1]
  input mask: bool
  input bare
  const w: f32[2,3](1.0, -2.5, 0.1, inf, -inf, nan)
  const axes: i64[2](-1, 9223372036854775807)
  const b: bool[](true)
  const s: string[2]("a", "q\"uote")
  const big: u64[1](18446744073709551615)
  const h: f16[2](0.5, 65504.0)
  const q: i4[3](-8, 7, 0)
  y: f32[N,4,floor((S + 1)/2)] = Conv(x, w, _) {auto_pad: "SAME_UPPER", pads: [1,1,1,1]} since 11 as Conv_0 from Conv_0, "layer/1.bn"
  input: f32, _ = Dropout(y, _, axes) {a: 1.5, b: [0.5,2.0], c: ["x","y"], d: ints[], e: floats[], f: strings[], g: -3, h: f32[](3.0)} since 13 as "drop-out"
  "_" = Relu(input) since 14 as Relu_7
  t, u = unsupported "com.example.Foo"("_", mask) since 1 as Foo_1 because "no such operator"
  g = Gelu of "com.microsoft.Gelu"(t) since 1 as Gelu_2
  unsupported Sink(g) since 1 as Sink_3
  z: f32[N] = If(mask, y, w) {captures: 2} since 16 as If_1
    else_branch: graph "the else"
      input y
      input w: f32[2,3]
      r = Add(y, w) since 14 as Add_0
      output r
    then_branch: graph then
      input y
      input w
      output y
  output z into mask
  output x into x from f32[2](1.0, -2.0) into bare
  output b
  output s
  output big
  output h
  output q
)";

TEST(ModelText, prints_what_it_parsed) {
    Graph g = parse(kWhole, "whole.txt");
    EXPECT_EQ(print(g), kWhole);
    EXPECT_EQ(print(parse(print(g), "again")), kWhole);
}

TEST(ModelText, parses_into_the_graph_it_says) {
    Graph g = parse(kWhole, "whole.txt");
    EXPECT_EQ(g.inputs.size(), 4u);
    ASSERT_EQ(g.states.size(), 3u);
    EXPECT_EQ(g.states[0].input, 0u);
    EXPECT_EQ(g.states[0].output, 1u);
    EXPECT_EQ(g.states[0].first->at_as_double(1), -2.0);
    EXPECT_EQ(g.states[1].input, 2u);
    EXPECT_EQ(g.states[1].output, 0u);
    EXPECT_FALSE(g.states[1].first.has_value());
    EXPECT_EQ(g.at(g.inputs[0]).shape->at(2), Dim::symbol("S") * 2 + 1);
    EXPECT_FALSE(g.at(g.inputs[1]).dtype.has_value());
    EXPECT_FALSE(g.at(g.inputs[2]).shape.has_value());
    const Node& conv = g.nodes[0];
    EXPECT_EQ(conv.op, OpType::kConv);
    EXPECT_EQ(conv.since_version, 11);
    EXPECT_FALSE(has_input(conv, 2));
    EXPECT_EQ(constant_input(g, conv, 1)->at_as_double(1), -2.5);
    EXPECT_EQ(constant_input(g, conv, 0), nullptr);
    EXPECT_EQ(attribute_ints(conv, "pads", {}), (std::vector<int64_t>{1, 1, 1, 1}));
    EXPECT_THAT(conv.origins, testing::ElementsAre("Conv_0", "layer/1.bn"));
    const Node& drop = g.nodes[1];
    EXPECT_FALSE(drop.outputs[1].valid());
    EXPECT_EQ(attribute_float(drop, "a", 0), 1.5);
    EXPECT_EQ(std::get<std::vector<double>>(drop.attributes.at("e")).size(), 0u);
    EXPECT_EQ(g.nodes[3].op, OpType::kUnsupported);
    EXPECT_EQ(g.nodes[3].unsupported_reason, "no such operator");
    EXPECT_EQ(g.nodes[4].op_name, "com.microsoft.Gelu");
    const auto& branch = std::get<GraphPtr>(g.nodes[6].attributes.at("else_branch"));
    EXPECT_EQ(branch->nodes[0].op, OpType::kAdd);
}

TEST(ModelText, large_constants_stand_by_their_hash) {
    Tensor w(DType::kF32, {8, 8});
    w.set_from_double(5, 2.0);
    Graph g;
    g.name = "g";
    g.values.push_back({"x", DType::kF32, std::vector<Dim>{8, 8}, {}});
    g.values.push_back({"w", DType::kF32, std::vector<Dim>{8, 8}, w});
    g.values.push_back({"y", {}, {}, {}});
    Node add;
    add.op = OpType::kAdd;
    add.op_name = "Add";
    add.name = "a";
    add.inputs = {{0}, {1}};
    add.outputs = {{2}};
    add.attributes["table"] = w;
    g.nodes.push_back(add);
    g.inputs = {{0}};
    g.outputs = {{2}};
    std::string text = print(g);
    std::string line = fmt::format("  const w: f32[8,8] hash 0x{:016x}\n", content_hash(w));
    EXPECT_THAT(text, testing::HasSubstr(line));
    ConstantTable table = large_constants(g);
    EXPECT_EQ(table.size(), 1u);
    Graph back = parse(text, "t", table);
    EXPECT_EQ(print(back), text);
    EXPECT_TRUE(same(*constant_input(back, back.nodes[0], 1), w));
    EXPECT_THROW(parse(text, "t"), UserError);
}

std::string error_of(const std::string& text) {
    try {
        parse(text, "m.txt");
    } catch (const UserError& error) {
        return error.what();
    }
    return "no error";
}

TEST(ModelText, malformed_text_is_refused_with_its_place) {
    using testing::HasSubstr;
    EXPECT_EQ(error_of("grap g\n"), "m.txt:1:1: expected 'graph', found 'grap'");
    EXPECT_EQ(error_of("graph g\n  output z\n"), "m.txt:2:10: value z is not defined above");
    EXPECT_EQ(error_of("graph g\n  input x\n  y = Rely(x) since 1 as n\n"),
              "m.txt:3:7: expected an operator, found 'Rely'");
    EXPECT_EQ(error_of("graph g\n  input x: f33\n"), "m.txt:2:12: expected a dtype, found 'f33'");
    EXPECT_EQ(error_of("graph g\n  input x\n  input x\n"), "m.txt:3:9: value x is defined twice");
    EXPECT_EQ(error_of("graph g\n  const x: i8[1](200)\n"), "m.txt:2:18: 200 does not fit i8");
    EXPECT_THAT(error_of("graph g\n  const x: i8[2](1)\n"), HasSubstr("expected ','"));
    EXPECT_THAT(error_of("graph g\n  const x: f32[99] hash 0x12\n"),
                HasSubstr("no constant with hash 0x0000000000000012"));
    EXPECT_THAT(error_of("graph g\n  const x: f32[99999999,99999999,99999999](1.0)\n"),
                HasSubstr("by their hash"));
    EXPECT_THAT(error_of("graph g\n    input x\n"), HasSubstr("at most 2 spaces"));
    EXPECT_THAT(error_of("graph g\n  input x\ngraph h\n"), HasSubstr("the end of the text"));
    EXPECT_THAT(error_of("graph g\n  y = Relu(y) since 1 as n\n"), HasSubstr("read before"));
    EXPECT_THAT(error_of("graph g\n  input x\n  y = Relu(x) {a: 1, a: 2} since 1 as n\n"),
                HasSubstr("attribute a is given twice"));
}

}  // namespace
}  // namespace smeaton::model
