#include "model/blocks/blocks.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <numeric>
#include <random>

#include "model/shape/infer.h"
#include "model/text/text.h"
#include "model/verify.h"

namespace smeaton::model {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

Graph shaped(const std::string& text) {
    return infer_shapes(parse(text, "test")).graph;
}

std::string weight(const std::string& name, int rows, int columns) {
    std::string values;
    for (int i = 0; i < rows * columns; ++i)
        values += fmt::format("{}{}.5", i ? ", " : "", (i * 7 + rows) % 11);
    return fmt::format("  const {}: f32[{},{}]({})\n", name, rows, columns, values);
}

/// Every node in one block; a block reads only blocks before it, and what makes its inputs.
void expect_partition(const Graph& graph, const Blocks& found) {
    std::vector<int> block_of(graph.nodes.size(), -1);
    std::vector<int> maker(graph.values.size(), -1);
    for (size_t b = 0; b < found.blocks.size(); ++b)
        for (NodeId n : found.blocks[b].nodes) {
            ASSERT_EQ(block_of[static_cast<size_t>(n.v)], -1);
            block_of[static_cast<size_t>(n.v)] = static_cast<int>(b);
            for (ValueId id : graph.at(n).inputs)
                if (id.valid()) {
                    ASSERT_LE(maker[static_cast<size_t>(id.v)], static_cast<int>(b));
                    ASSERT_TRUE(maker[static_cast<size_t>(id.v)] >= 0 || graph.at(id).constant ||
                                std::count(graph.inputs.begin(), graph.inputs.end(), id) == 1)
                        << "node " << graph.at(n).name << " stands before what it reads";
                }
            for (ValueId id : graph.at(n).outputs)
                if (id.valid()) maker[static_cast<size_t>(id.v)] = static_cast<int>(b);
        }
    ASSERT_EQ(std::count(block_of.begin(), block_of.end(), -1), 0);
    for (size_t b = 0; b < found.blocks.size(); ++b) {
        ASSERT_THAT(found.blocks[b].reads, Each(::testing::Lt(static_cast<int>(b))));
        for (ValueId id : found.blocks[b].inputs)
            if (int m = maker[static_cast<size_t>(id.v)]; m >= 0) {
                const std::vector<int>& reads = found.blocks[b].reads;
                ASSERT_EQ(std::count(reads.begin(), reads.end(), m), 1);
                const std::vector<ValueId>& out = found.blocks[static_cast<size_t>(m)].outputs;
                ASSERT_EQ(std::count(out.begin(), out.end(), id), 1);
            }
    }
}

/// The runs as "FIRST x COUNT of NODES".
std::vector<std::string> runs_of(const Blocks& found) {
    std::vector<std::string> out;
    for (const Run& run : found.runs)
        out.push_back(fmt::format("{} x {} of {}", run.first, run.count,
                                  found.blocks[static_cast<size_t>(run.first)].nodes.size()));
    return out;
}

std::string after_colon(const std::string& text) {
    return text.substr(text.find('\n') + 1);
}

constexpr const char* kChain = R"(graph chain
  opset "" 17
  input x: f32[2,2]
  const w0: f32[2,2](1.0, 2.0, 3.0, 4.0)
  const w1: f32[2,2](5.0, 6.0, 7.0, 8.0)
  a = Gemm(x, w0) since 13 as Gemm_0
  b = Relu(a) since 14 as Relu_0
  c = Gemm(b, w1) since 13 as Gemm_1
  d = Relu(c) since 14 as Relu_1
  y = Softmax(d) since 13 as Softmax_0
  output y
)";

TEST(Blocks, PrintWhatTheHeaderSays) {
    const Graph graph = shaped(kChain);
    EXPECT_EQ(print(graph, find_blocks(graph)), R"(blocks of chain: 3 blocks, 2 kinds, 1 run
  block_0: kind 0, 2 nodes Gemm_0 .. Relu_0
    in x
    parameter w0
    out b
  block_1: kind 0, 2 nodes Gemm_1 .. Relu_1, after 0
    in b
    parameter w1
    out d
  block_2: kind 1, 1 node Softmax_0, after 1
    in d
    out y
  run 0..1: kind 0
    in carried from out 0
)");
}

TEST(Blocks, OfAnEmptyGraphAreNone) {
    const Graph graph = shaped("graph empty\n  opset \"\" 17\n  input x: f32[1]\n  output x\n");
    const Blocks found = find_blocks(graph);
    EXPECT_TRUE(found.blocks.empty());
    EXPECT_TRUE(found.runs.empty());
    EXPECT_EQ(print(graph, found), "blocks of empty: 0 blocks, 0 kinds, 0 runs\n");
}

TEST(Blocks, OfAChainWithoutRepeatsIsOne) {
    const Graph graph = shaped("graph g\n  opset \"\" 17\n  input x: f32[2,3]\n" +
                               weight("w", 3, 4) + R"(  a = Relu(x) since 14 as n0
  b = MatMul(a, w) since 13 as n1
  c = Tanh(b) since 13 as n2
  y = Softmax(c) since 13 as n3
  output y
)");
    const Blocks found = find_blocks(graph);
    expect_partition(graph, found);
    EXPECT_EQ(found.blocks.size(), 1u);
    EXPECT_TRUE(found.runs.empty());
}

/// A model of `layers` equal layers that all read one mask, made from an input in three nodes;
/// after them a head. Attention-like: two products of x meet the mask, then a residual sum.
std::string masked_layers(int layers, const std::string& wrong = "") {
    std::string text =
        "graph g\n  opset \"\" 17\n  input x: f32[4,4]\n  input m: f32[1,4]\n"
        "  const one: f32[](1.0)\n  const big: f32[](-10000.0)\n" +
        weight("head", 4, 2);
    for (int i = 0; i < layers; ++i)
        for (const char* w : {"q", "k", "o"}) text += weight(fmt::format("{}{}", w, i), 4, 4);
    std::string x = "x";
    std::string mask = R"(  m0 = Sub(one, m) since 14 as mask0
  m1 = Mul(m0, big) since 14 as mask1
  mask = Identity(m1) since 16 as mask2
)";
    for (int i = 0; i < layers; ++i) {
        const bool odd = i == layers / 2;
        text += fmt::format("  q{0}_ = MatMul({1}, q{0}) since 13 as nq{0}\n", i, x);
        text += fmt::format("  k{0}_ = MatMul({1}, k{0}) since 13 as nk{0}\n", i, x);
        text += fmt::format("  t{0} = Transpose(k{0}_) {{perm: [1,0]}} since 13 as nt{0}\n", i);
        text += fmt::format("  s{0} = MatMul(q{0}_, t{0}) since 13 as ns{0}\n", i);
        text += mask;
        mask.clear();
        text += fmt::format("  a{0} = Add(s{0}, mask) since 14 as na{0}\n", i);
        if (wrong == "attribute" && odd) {
            text += fmt::format("  p{0} = Softmax(a{0}) {{axis: 0}} since 13 as np{0}\n", i);
        } else {
            text += fmt::format("  p{0} = Softmax(a{0}) {{axis: 1}} since 13 as np{0}\n", i);
        }
        text += fmt::format("  o{0}_ = MatMul(p{0}, o{0}) since 13 as no{0}\n", i);
        const std::string residual = wrong == "wiring" && odd ? fmt::format("q{}_", i) : x;
        text += fmt::format("  y{0} = Add({1}, o{0}_) since 14 as ny{0}\n", i, residual);
        x = fmt::format("y{}", i);
    }
    return text + fmt::format("  out = MatMul({}, head) since 13 as head\n  output out\n", x);
}

TEST(Blocks, WhatAllLayersReadDoesNotHideThatTheFirstIsEqual) {
    for (int layers : {2, 3, 7}) {
        const Graph graph = shaped(masked_layers(layers));
        const Blocks found = find_blocks(graph);
        expect_partition(graph, found);
        EXPECT_THAT(runs_of(found), ElementsAre(fmt::format("1 x {} of 8", layers)));
        ASSERT_EQ(found.runs[0].inputs.size(), 2u);
        EXPECT_EQ(found.runs[0].inputs[0].from, RunInput::From::kPrevious);
        EXPECT_EQ(found.runs[0].inputs[1].from, RunInput::From::kShared);
        const Block& layer = found.blocks[1];
        EXPECT_EQ(layer.parameters.size(), 3u);
        EXPECT_EQ(layer.outputs.size(), 1u);
    }
}

TEST(Blocks, AreFoundInAnyOrderOfTheFilesNodes) {
    Graph graph = shaped(masked_layers(4));
    const Blocks straight = find_blocks(graph);
    std::mt19937 random(5);
    for (int round = 0; round < 20; ++round) {
        // A random topological order: of the nodes that are ready, any comes next.
        Graph mixed = graph;
        mixed.nodes.clear();
        std::vector<bool> there(graph.values.size(), false), used(graph.nodes.size(), false);
        for (size_t v = 0; v < graph.values.size(); ++v)
            there[v] = graph.values[v].constant.has_value();
        for (ValueId id : graph.inputs) there[static_cast<size_t>(id.v)] = true;
        while (mixed.nodes.size() < graph.nodes.size()) {
            std::vector<size_t> ready;
            for (size_t n = 0; n < graph.nodes.size(); ++n) {
                const auto& in = graph.nodes[n].inputs;
                if (!used[n] && std::all_of(in.begin(), in.end(), [&](ValueId id) {
                        return there[static_cast<size_t>(id.v)];
                    }))
                    ready.push_back(n);
            }
            const size_t n = ready[random() % ready.size()];
            used[n] = true;
            mixed.nodes.push_back(graph.nodes[n]);
            for (ValueId id : graph.nodes[n].outputs) there[static_cast<size_t>(id.v)] = true;
        }
        verify(mixed, "mixed");
        EXPECT_EQ(after_colon(print(mixed, find_blocks(mixed))),
                  after_colon(print(graph, straight)));
    }
}

TEST(Blocks, OneOtherAttributeOrWireMakesAnotherKind) {
    for (const char* wrong : {"attribute", "wiring"}) {
        const Graph graph = shaped(masked_layers(5, wrong));
        const Blocks found = find_blocks(graph);
        expect_partition(graph, found);
        EXPECT_THAT(runs_of(found), ElementsAre("1 x 2 of 8", "4 x 2 of 8")) << wrong;
        EXPECT_NE(found.blocks[3].kind, found.blocks[1].kind) << wrong;
        EXPECT_EQ(found.blocks[4].kind, found.blocks[1].kind) << wrong;
    }
}

TEST(Blocks, ConstantsThatAreNoWeightsMustBeEqual) {
    auto clipped = [](const char* second) {
        return shaped("graph g\n  opset \"\" 17\n  input x: f32[2,2]\n" + weight("w0", 2, 2) +
                      weight("w1", 2, 2) +
                      fmt::format("  const a: f32[](6.0)\n  const b: f32[]({})\n", second) +
                      R"(  p = MatMul(x, w0) since 13 as n0
  q = Clip(p, _, a) since 13 as n1
  r = MatMul(q, w1) since 13 as n2
  y = Clip(r, _, b) since 13 as n3
  output y
)");
    };
    EXPECT_THAT(runs_of(find_blocks(clipped("6.0"))), ElementsAre("0 x 2 of 2"));
    EXPECT_THAT(runs_of(find_blocks(clipped("5.0"))), IsEmpty());
}

TEST(Blocks, ASharedWeightIsAnotherFunctionThanTwoWeights) {
    auto twice = [](const char* second) {
        return shaped("graph g\n  opset \"\" 17\n  input x: f32[2,2]\n" + weight("w0", 2, 2) +
                      weight("w1", 2, 2) + weight("w2", 2, 2) + weight("w3", 2, 2) +
                      fmt::format(R"(  a = MatMul(x, w0) since 13 as n0
  b = Tanh(a) since 13 as n1
  c = MatMul(b, w1) since 13 as n2
  d = Exp(c) since 13 as n3
  e = MatMul(d, w2) since 13 as n4
  f = Tanh(e) since 13 as n5
  g = MatMul(f, {}) since 13 as n6
  y = Exp(g) since 13 as n7
  output y
)",
                                  second));
    };
    EXPECT_THAT(runs_of(find_blocks(twice("w3"))), ElementsAre("0 x 2 of 4"));
    EXPECT_THAT(runs_of(find_blocks(twice("w2"))), IsEmpty());
}

/// Stages of residual blocks as in a ResNet: the first of each stage has a projection.
std::string stages(bool named) {
    std::string text = "graph g\n  opset \"\" 17\n  input x: f32[4,1]\n";
    std::string nodes, x = "x";
    int width = 1, count = 0;
    auto node = [&](const std::string& scope, const std::string& body) {
        nodes += fmt::format(
            "  {} as {}\n", body,
            named ? fmt::format("\"/{}/op{}\"", scope, count) : fmt::format("n{}", count));
        ++count;
    };
    for (int stage = 0; stage < 2; ++stage)
        for (int block = 0; block < 3; ++block) {
            const std::string id = fmt::format("{}_{}", stage, block);
            const std::string scope = fmt::format("layer{0}/layer{0}.{1}", stage, block);
            const int out = block == 0 ? 2 * width : width;
            text += weight("w" + id, width, out) + weight("v" + id, out, out);
            node(scope + "/conv1", fmt::format("a{0} = MatMul({1}, w{0}) since 13", id, x));
            node(scope + "/relu", fmt::format("b{0} = Relu(a{0}) since 14", id));
            node(scope + "/conv2", fmt::format("c{0} = MatMul(b{0}, v{0}) since 13", id));
            std::string skip = x;
            if (block == 0) {
                text += weight("p" + id, width, out);
                node(scope + "/down", fmt::format("d{0} = MatMul({1}, p{0}) since 13", id, x));
                skip = "d" + id;
            }
            node(scope, fmt::format("e{0} = Add(c{0}, {1}) since 14", id, skip));
            node(scope + "/relu", fmt::format("y{0} = Relu(e{0}) since 14", id));
            x = "y" + id;
            width = out;
        }
    return text + nodes + "  output " + x + "\n";
}

TEST(Blocks, OfStagesAreEqualWithinAStage) {
    for (bool named : {false, true}) {
        const Graph graph = shaped(stages(named));
        const Blocks found = find_blocks(graph);
        expect_partition(graph, found);
        EXPECT_THAT(runs_of(found), ElementsAre("1 x 2 of 5", "4 x 2 of 5")) << print(graph, found);
        ASSERT_EQ(found.blocks.size(), 6u);
        EXPECT_EQ(found.blocks[0].nodes.size(), 6u);
        EXPECT_NE(found.blocks[1].kind, found.blocks[4].kind) << "their shapes differ";
        if (named) {
            EXPECT_EQ(found.blocks[4].name, "layer1.1");
        }
    }
}

/// An encoder and a decoder with skips: sizes differ at every level.
TEST(Blocks, OfAnEncoderWithSkipsAreItsLevels) {
    std::string consts, nodes, x = "x";
    int width = 4, n = 0;
    auto node = [&](const std::string& body) { nodes += fmt::format("  {} as n{}\n", body, n++); };
    std::vector<std::string> skips;
    for (int level = 0; level < 2; ++level, width /= 2) {
        consts += weight(fmt::format("e{}", level), width, width) +
                  weight(fmt::format("d{}", level), width, width / 2);
        node(fmt::format("a{0} = MatMul({1}, e{0}) since 13", level, x));
        node(fmt::format("s{0} = Relu(a{0}) since 14", level));
        node(fmt::format("z{0} = MatMul(s{0}, d{0}) since 13", level));
        skips.push_back(fmt::format("s{}", level));
        x = fmt::format("z{}", level);
    }
    for (int level = 1; level >= 0; --level) {
        width *= 2;
        consts += weight(fmt::format("u{}", level), width / 2, width);
        node(fmt::format("u{0}_ = MatMul({1}, u{0}) since 13", level, x));
        node(fmt::format("v{0} = Add(u{0}_, s{0}) since 14", level));
        x = fmt::format("v{}", level);
    }
    const Graph graph = shaped("graph g\n  opset \"\" 17\n  input x: f32[4,4]\n" + consts + nodes +
                               "  output " + x + "\n");
    const Blocks found = find_blocks(graph);
    expect_partition(graph, found);
    EXPECT_EQ(found.blocks.size(), 4u);
    EXPECT_EQ(found.kinds, 4);
    EXPECT_TRUE(found.runs.empty());
    EXPECT_THAT(found.blocks[3].reads, ElementsAre(0, 2)) << "the skip and the level below";
}

TEST(Blocks, DecoderLayersThatReadAnEncoderAreEqualAndComeAfterIt) {
    std::string consts, nodes;
    int n = 0;
    auto node = [&](const std::string& body) { nodes += fmt::format("  {} as n{}\n", body, n++); };
    std::string x = "x", y = "t";
    for (int i = 0; i < 3; ++i) {
        consts += weight(fmt::format("e{}", i), 4, 4);
        node(fmt::format("f{0} = MatMul({1}, e{0}) since 13", i, x));
        node(fmt::format("g{0} = Relu(f{0}) since 14", i));
        x = fmt::format("g{}", i);
    }
    for (int i = 0; i < 3; ++i) {
        consts += weight(fmt::format("q{}", i), 4, 4) + weight(fmt::format("k{}", i), 4, 4);
        node(fmt::format("a{0} = Tanh({1}) since 13", i, y));
        node(fmt::format("b{0} = MatMul(a{0}, q{0}) since 13", i));
        node(fmt::format("c{0} = MatMul({1}, k{0}) since 13", i, x));
        node(fmt::format("d{0} = Mul(c{0}, b{0}) since 14", i));
        node(fmt::format("h{0} = Add(d{0}, {1}) since 14", i, y));
        y = fmt::format("h{}", i);
    }
    const Graph graph = shaped(
        "graph g\n  opset \"\" 17\n  input x: f32[4,4]\n"
        "  input t: f32[4,4]\n" +
        consts + nodes + "  output " + y + "\n");
    const Blocks found = find_blocks(graph);
    expect_partition(graph, found);
    EXPECT_THAT(runs_of(found), ElementsAre("0 x 3 of 2", "3 x 3 of 5"));
    EXPECT_THAT(found.blocks[5].reads, ElementsAre(2, 4));
}

TEST(Blocks, ASubgraphIsPartOfWhatANodeComputes) {
    auto with = [](const char* second) {
        auto branch = [](const char* op) {
            return fmt::format(
                "    else_branch: graph e\n      input v: f32[2,2]\n"
                "      o: f32[2,2] = {}(v) since 13 as b0\n      output o\n"
                "    then_branch: graph t\n      input v: f32[2,2]\n      output v\n",
                op);
        };
        return shaped("graph g\n  opset \"\" 17\n  input c: bool[]\n  input x: f32[2,2]\n" +
                      weight("w0", 2, 2) + weight("w1", 2, 2) +
                      "  a = MatMul(x, w0) since 13 as n0\n"
                      "  p = If(c, a) {captures: 1} since 16 as n1\n" +
                      branch("Tanh") +
                      "  b = MatMul(p, w1) since 13 as n2\n"
                      "  y = If(c, b) {captures: 1} since 16 as n3\n" +
                      branch(second) + "  output y\n");
    };
    EXPECT_THAT(runs_of(find_blocks(with("Tanh"))), ElementsAre("0 x 2 of 2"));
    EXPECT_THAT(runs_of(find_blocks(with("Exp"))), IsEmpty());
}

TEST(Blocks, OfTwentyThousandNodesTakeUnderASecond) {
    const Graph graph = shaped(masked_layers(2500));
    ASSERT_GT(graph.nodes.size(), 20'000u);
    const std::clock_t start = std::clock();  // of this process: other work does not count
    const Blocks found = find_blocks(graph);
    const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    EXPECT_THAT(runs_of(found), ElementsAre("1 x 2500 of 8"));
    RecordProperty("seconds", std::to_string(seconds));
    EXPECT_LT(seconds, 1.0);
}

}  // namespace
}  // namespace smeaton::model
