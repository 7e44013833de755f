// Formulas on numbers small enough to be worked by hand; tests/python/test_published.py holds the
// published tables against whole networks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "sim/simdit/charge.h"
#include "sim/simdit/tile.h"

namespace smeaton::sim::simdit {

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// 2 rows, 4 columns; buffers near the least that verify() allows.
Hardware small() {
    Hardware h;
    h.rows = 2, h.columns = 4;
    h.weight_bits = h.input_bits = 8;
    h.bias_bits = h.sum_bits = 32;
    h.wbuf_bits = 2304, h.ibuf_bits = 7200, h.bbuf_bits = 256, h.obuf_bits = 6272;
    h.vmem_bits = 6272;
    h.weight_port = 64, h.input_port = 8, h.sum_port = 4, h.vector_port = 64;
    verify(h, "small");
    return h;
}

Operation operation(Kind kind, Sizes sizes) {
    return {.kind = kind, .sizes = sizes, .name = "node", .op = "", .free_since = ""};
}

Cost cost_of(Kind kind, Sizes sizes) {
    return charge({operation(kind, sizes)}, small(), {})[0];
}

const char* const kJson = R"({"ARRAY_N": 2, "ARRAY_M": 4, "WGT_DATA_WIDTH": 8,
    "ACT_DATA_WIDTH": 8, "BIAS_WIDTH": 32, "ACC_WIDTH": 32, "WBUF_CAPACITY_BITS": 2304,
    "IBUF_CAPACITY_BITS": 7200, "OBUF_CAPACITY_BITS": 6272, "BBUF_CAPACITY_BITS": 256,
    "SIMD_VMEM_CAPACITY_BITS": 6272, "PARAMBUF_AXI_DATA_WIDTH": 64, "IBUF_AXI_DATA_WIDTH": 8,
    "OBUF_AXI_DATA_WIDTH": 4, "SIMD_AXI_DATA_WIDTH": 64, "SIMD_INST_MEM_ADDR_WIDTH": 8})";

std::string replaced(const std::string& what, const std::string& by) {
    std::string text = kJson;
    text.replace(text.find(what), what.size(), by);
    return text;
}

std::string refusal(const std::string& json) {
    try {
        parse_hardware(json, "hw.json");
        return "";
    } catch (const UserError& error) {
        return error.what();
    }
}

}  // namespace

TEST(SimditHardware, IsReadFromItsJson) {
    const Hardware h = parse_hardware(kJson, "hw.json"), s = small();
    EXPECT_EQ(h.rows, s.rows);
    EXPECT_EQ(h.columns, s.columns);
    EXPECT_EQ(h.wbuf_bits, s.wbuf_bits);
    EXPECT_EQ(h.obuf_bits, s.obuf_bits);
    EXPECT_EQ(h.sum_port, s.sum_port);
    EXPECT_EQ(h.vector_port, s.vector_port);
}

TEST(SimditHardware, RefusalsNameTheKey) {
    EXPECT_THAT(refusal(replaced("ARRAY_N", "ARRAY_X")), HasSubstr("key 'ARRAY_N' is missing"));
    EXPECT_THAT(refusal(replaced("{", "{\"WBUF_CAPACITY\": 1,")), HasSubstr("'WBUF_CAPACITY'"));
    EXPECT_THAT(refusal(replaced("\"OBUF_AXI_DATA_WIDTH\": 4", "\"OBUF_AXI_DATA_WIDTH\": -4")),
                HasSubstr("'OBUF_AXI_DATA_WIDTH' must be a whole number from 1"));
    EXPECT_THAT(refusal(replaced("\"ACC_WIDTH\": 32", "\"ACC_WIDTH\": 32.5")),
                HasSubstr("'ACC_WIDTH' must be a whole number"));
    EXPECT_THAT(refusal(replaced("2304", "1151")),
                HasSubstr("'WBUF_CAPACITY_BITS' is 1151 bits and must hold two tiles of ARRAY_N x "
                          "ARRAY_M x 3 x 3 weights: 1152 bits at least, 1 more"));
    EXPECT_THAT(refusal(replaced("7200", "7199")), HasSubstr("'IBUF_CAPACITY_BITS' is 7199"));
    EXPECT_THAT(
        refusal(replaced("\"SIMD_VMEM_CAPACITY_BITS\": 6272", "\"SIMD_VMEM_CAPACITY_BITS\": 6271")),
        HasSubstr("'SIMD_VMEM_CAPACITY_BITS' is 6271"));
    // Rows times columns would be no number of 64 bits.
    EXPECT_THAT(refusal(replaced("\"ARRAY_N\": 2", "\"ARRAY_N\": 1000000000000")),
                HasSubstr("'ARRAY_N' must be a whole number from 1 to 16384"));
    EXPECT_THROW(read_hardware_file("/tmp"), UserError);
    EXPECT_THAT(refusal("{\"ARRAY_N\": "), HasSubstr("hw.json:"));
    EXPECT_THAT(refusal("[1, 2]"), HasSubstr("hw.json"));
}

TEST(SimditTile, GrowsKernelChannelsImageBatch) {
    const Sizes s =
        padded_for_array({.n = 2, .oc = 5, .oh = 4, .ow = 4, .ic = 3, .kh = 3, .kw = 3}, small());
    EXPECT_EQ(s.ic, 4);  // to the rows
    EXPECT_EQ(s.oc, 8);  // to the columns
    const ArrayTile t = array_tile(s, small());
    EXPECT_EQ(t.kh, 3);
    EXPECT_EQ(t.ic, 4);  // 9 * 4 * 4 * 8 bits fill half the weight buffer
    EXPECT_EQ(t.oh, 4);
    EXPECT_EQ(t.ih, 6);
    EXPECT_EQ(t.n, 2);
    EXPECT_EQ(t.oc, 4);
}

TEST(SimditTile, LargeKernelsAreCutAndTheirImagesInFractions) {
    // 7x7 takes 49 * 2 * 4 * 8 bits of 1152; cut by two, 4x4 takes 1024.
    const ArrayTile t =
        array_tile({.oc = 4, .oh = 15, .ow = 15, .ic = 2, .kh = 7, .kw = 7, .stride = 2}, small());
    EXPECT_EQ(t.kh, 4);
    // Inputs: 3600 / (2 * 8) = 225 = 15 * 15 and (oh - 1) * 2 + 4 <= 15: oh = 5, the quotient by 3.
    // Sums: 6272 / (4 * 32) = 49.
    EXPECT_EQ(t.oh, 5);
}

TEST(SimditConvolution, OneTileOfSpaceCountsTheFirstCaseMinusOnce) {
    const Cost c =
        cost_of(Kind::kConvolution, {.n = 2, .oc = 5, .oh = 4, .ow = 4, .ic = 3, .kh = 3, .kw = 3});
    // A tile: 4*4*2 pixels * 9 * 2 passes over input channels, and (2-1) + (4-1) to fill and drain.
    EXPECT_EQ(c.compute_cycles, 2 * (576 + 4));
    // Ports, by tile: weights 1152/16, biases 128/16, inputs 36*4*2*8/8, sums 32*4*32/4.
    const double sums = 1024, wait = sums - 580;
    EXPECT_EQ(c.stall_cycles, 1 * wait - 1 * wait + 288 + wait + sums);
    EXPECT_EQ(c.bits.ifmap, 36 * 4 * 2 * 2 * 8);
    EXPECT_EQ(c.bits.filter, 9 * 4 * 8 * 8);
    EXPECT_EQ(c.bits.psum, 0);
    EXPECT_EQ(c.bits.ofmap, 16 * 8 * 2 * 32);
    EXPECT_EQ(c.bits.bias, 8 * 32);
    EXPECT_EQ(c.bits.ibuf, 16 * 2 * 9 * 4 * 2 * 8);
    EXPECT_EQ(c.bits.wbuf, 9 * 4 * 8 * 32 * 8);
    EXPECT_EQ(c.bits.obuf, 16 * 8 * 2 * (2 * 2 * 9 - 1) * 32);
    EXPECT_EQ(c.bits.bbuf, 16 * 2 * 8 * 32);
    EXPECT_EQ(c.operations, 2 * 2 * 16 * 8 * 9 * 4);
}

TEST(SimditConvolution, SumsThatGoOutAndInAgain) {
    const Cost c =
        cost_of(Kind::kConvolution, {.n = 2, .oc = 4, .oh = 4, .ow = 4, .ic = 8, .kh = 3, .kw = 3});
    EXPECT_EQ(c.bits.psum, 2 * 16 * 4 * 2 * 32);
    EXPECT_EQ(c.stall_cycles, (2 * 1024 - 580) - (1024 - 580) + 288 + (1024 - 580) + 1024);
}

TEST(SimditGemm, OneRowIsOutputStationary) {
    const Cost c = cost_of(Kind::kGemm, {.n = 1, .oc = 8, .ic = 8});
    EXPECT_EQ(c.compute_cycles, 2 * (4 + 4));
    // Weights 16, biases 8, inputs 8, sums 32 cycles; the array 8.
    EXPECT_EQ(c.stall_cycles, 24 + (24 - 8) + (32 - 8) + 32);
    EXPECT_EQ(c.bits.ifmap, 8 * 2 * 8);
    EXPECT_EQ(c.bits.psum, 0);
}

TEST(SimditRelu, NarrowsWhatTheArrayReadsNext) {
    const Sizes relu{.n = 2, .oc = 6, .oh = 14, .ow = 14};
    const double tiles = 16;  // 7 x 7 x 4 of 2 x 8 x 14 x 14
    const Cost alone = cost_of(Kind::kRelu, relu);
    EXPECT_EQ(alone.compute_cycles, (49 + 5 + 3) * tiles);
    EXPECT_EQ(alone.stall_cycles, (98 + 98) * tiles);
    EXPECT_EQ(alone.operations, 3136);
    EXPECT_EQ(alone.bits.vmem, 3136 * 64);
    EXPECT_EQ(alone.bits.immediates, 3136 / 4 * 32);
    const Operation conv = operation(Kind::kConvolution, {.ic = 6});
    const Operation move = operation(Kind::kFree, {});
    const Operation row = operation(Kind::kRelu, relu);
    EXPECT_EQ(charge({row, conv}, small(), {})[0].stall_cycles, (98 + 25) * tiles);
    EXPECT_EQ(charge({row, move, conv}, small(), {})[0].stall_cycles, alone.stall_cycles);
}

TEST(SimditPool, CountsWindowsAndDividesByLatency) {
    const Sizes pool{.oc = 4, .oh = 3, .ow = 3, .kh = 3, .kw = 3, .stride = 2};
    const Cost most = cost_of(Kind::kMaxPool, pool);
    EXPECT_EQ(most.compute_cycles, 9 * 9 + 8);  // its 7x7x4 inputs fill the memory: one tile
    EXPECT_EQ(most.bits.ifmap, 49 * 4 * 32);
    EXPECT_EQ(most.operations, 9 * 36);
    const Cost average = cost_of(Kind::kAveragePool, pool);
    EXPECT_EQ(average.compute_cycles, 9 * 9 + 9 * 9 + 8);
    EXPECT_EQ(average.operations, 9 * 36 + 9 * 36);
    const Cost training =
        charge({operation(Kind::kAveragePool, pool)}, small(), {.training = true})[0];
    EXPECT_EQ(training.compute_cycles, 9 * 9 + 5 * 9 + 8);
}

TEST(SimditPool, AWindowThatDoesNotFitIsRefusedByNode) {
    const Sizes global{.oc = 4, .kh = 8, .kw = 8};
    try {
        cost_of(Kind::kAveragePool, global);
        FAIL() << "8 * 8 * 4 words of 32 bits are more than 6272 bits";
    } catch (const UserError& error) {
        EXPECT_THAT(error.what(), HasSubstr("node 'node'"));
        EXPECT_THAT(error.what(), HasSubstr("takes 8192 bits of vector memory, "
                                            "'SIMD_VMEM_CAPACITY_BITS' is 6272"));
    }
}

TEST(SimditSoftmax, FillsThePipelineThreeTimes) {
    const Cost c = cost_of(Kind::kSoftmax, {.n = 8, .oc = 12});
    // One tile: 12 channels * ceil(8/4) rows; exp 3, add 1, div 9.
    EXPECT_EQ(c.compute_cycles, 24 * 13 + 3 * 8);
    EXPECT_EQ(c.bits.dram(), 4 * 96 * 32);
    EXPECT_EQ(c.operations, 96 * 13);
}

TEST(SimditFusion, KeepsTheResultOnTheChip) {
    const Operation conv = operation(
        Kind::kConvolution, {.n = 2, .oc = 5, .oh = 4, .ow = 4, .ic = 3, .kh = 3, .kw = 3});
    const Operation relu = operation(Kind::kRelu, {.n = 2, .oc = 5, .oh = 4, .ow = 4});
    const Operation move = operation(Kind::kFree, {});
    const auto apart = charge({conv, move, relu}, small(), {});
    const auto fused = charge({conv, move, relu}, small(), {.fusion = true});
    EXPECT_EQ(fused[0].bits.ofmap, 0);
    EXPECT_EQ(fused[2].bits.ifmap, 0);
    EXPECT_EQ(fused[2].bits.ofmap, apart[2].bits.ofmap);
    EXPECT_EQ(fused[0].compute_cycles, apart[0].compute_cycles);
    EXPECT_EQ(fused[0].stall_cycles, 288);  // the first tile's load stays
    const auto other = charge({relu, conv}, small(), {.fusion = true});
    EXPECT_GT(other[1].bits.ofmap, 0);
}

namespace {

Layer conv_layer(const std::string& name, int operand, int64_t channels) {
    Convolution c{.batch = 4,
                  .in_channels = channels,
                  .in_height = 8,
                  .in_width = 8,
                  .out_channels = 64,
                  .out_height = 4,
                  .out_width = 4,
                  .kernel_height = 3,
                  .kernel_width = 3,
                  .stride_height = 2,
                  .stride_width = 2,
                  .pad_height = 2,
                  .pad_width = 2};
    return {name, "Conv", c, {operand}};
}

Layer vector_layer(const std::string& name, VectorOp op, std::vector<int> operands) {
    VectorOperator v{.op = op,
                     .in_shape = {4, 64, 4, 4},
                     .out_shape = {4, 64, 4, 4},
                     .operands = static_cast<int64_t>(operands.size())};
    return {name, "op", v, std::move(operands)};
}

std::vector<std::string> names(const std::vector<Operation>& rows) {
    std::vector<std::string> all;
    for (const Operation& row : rows) all.push_back(row.name);
    return all;
}

std::string refusal(const Layer& layer, bool training) {
    try {
        LayerTable table{{layer}};
        training ? training_operations(table) : inference_operations(table);
        return "";
    } catch (const UserError& error) {
        return error.what();
    }
}

}  // namespace

TEST(SimditRows, InferenceFoldsBatchNormalization) {
    LayerTable table{{conv_layer("c", kModelInput, 3),
                      vector_layer("b", VectorOp::kBatchNormalization, {0}),
                      vector_layer("r", VectorOp::kRelu, {1}),
                      {"f", "Flatten", Movement{}, {2}}}};
    EXPECT_THAT(names(inference_operations(table)), ElementsAre("c", "r", "f"));
    EXPECT_EQ(inference_operations(table)[2].op, "coarse_flatten_ignored");
    table.layers[2].operands = {1, 0};  // the convolution has a second reader
    EXPECT_THROW(inference_operations(table), UserError);
}

TEST(SimditRows, TrainingDerivesTheStepInItsOrder) {
    // r feeds c2 and the sum: two gradients come back to it.
    LayerTable table{{conv_layer("c1", kModelInput, 3),
                      vector_layer("b1", VectorOp::kBatchNormalization, {0}),
                      vector_layer("r", VectorOp::kRelu, {1}), conv_layer("c2", 2, 64),
                      vector_layer("a", VectorOp::kAdd, {3, 2})}};
    std::vector<Operation> rows = training_operations(table);
    std::vector<std::string> costed;
    for (const Operation& row : rows)
        if (row.kind != Kind::kFree) costed.push_back(row.name);
    EXPECT_THAT(costed, ElementsAre("c1", "b1/mean,inv_std", "b1", "r", "c2", "a", "c2/dX", "c2/dW",
                                    "c2/sgd", "r/join", "r/dX", "b1/dX", "b1/sgd gamma",
                                    "b1/sgd beta", "c1/dX", "c1/dW", "c1/sgd"));
    auto row = [&](const char* name) {
        return std::find_if(rows.begin(), rows.end(), [&](auto& r) { return r.name == name; });
    };
    // 4x4 gradients with a zero between: kernels of 7; 8 + 2 - 7 + 1 = 4 of them, one too many.
    EXPECT_EQ(row("c2/dW")->sizes.kh, 7);
    EXPECT_EQ(row("c2/dW")->sizes.oh, 4);
    EXPECT_EQ(row("c2/dW")->sizes.ic, 4);
    EXPECT_EQ(row("c2/dX")->sizes.oh, 8);
    EXPECT_EQ(row("c2/dX")->sizes.stride, 1);
    // The first one reads its image with the border on: (4 - 1) * 2 + 3.
    EXPECT_EQ(row("c1/dX")->sizes.oh, 9);
    EXPECT_EQ(row("c1/dW")->sizes.oh, 3);
    EXPECT_EQ(row("c1/sgd")->sizes.oc, 32);
    EXPECT_EQ(row("c1/dX")->phase, Phase::kBackward);
    EXPECT_EQ(row("c1/sgd")->phase, Phase::kUpdate);
}

TEST(SimditRows, RefusalsNameTheNode) {
    auto changed = [](auto&& change) {
        Layer layer = conv_layer("conv7", kModelInput, 64);
        change(std::get<Convolution>(layer.work));
        return layer;
    };
    EXPECT_THAT(refusal(changed([](auto& c) { c.groups = 64; }), false),
                HasSubstr("node 'conv7' (Conv): SimDIT does not define depthwise convolutions"));
    EXPECT_THAT(refusal(changed([](auto& c) { c.groups = 2; }), false), HasSubstr("grouped"));
    EXPECT_THAT(refusal(changed([](auto& c) { c.kernel_width = 1; }), false),
                HasSubstr("kernels that are not square (3x1)"));
    EXPECT_THAT(refusal(changed([](auto& c) { c.dilation_height = 2; }), false),
                HasSubstr("dilated"));
    const Layer biased = changed([](auto& c) { c.bias = true; });
    EXPECT_EQ(refusal(biased, false), "");
    EXPECT_THAT(refusal(biased, true), HasSubstr("'conv7' (Conv): SimDIT does not define a conv"));
    EXPECT_THAT(refusal(vector_layer("s", VectorOp::kOther, {kModelInput}), false),
                HasSubstr("node 's'"));
    EXPECT_THAT(refusal({"m", "MatMul", Contraction{.copies = 8, .weights = false}, {}}, false),
                HasSubstr("two computed operands"));
}

}  // namespace smeaton::sim::simdit
