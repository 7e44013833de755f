#include "driver/simulate/layer_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "driver/batch.h"
#include "lower/evaluate.h"
#include "model/shape/infer.h"
#include "model/text/text.h"

namespace smeaton::driver {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// "input x: f32[N]" and "y = Relu(x) since 14; output y" as a graph; ';' ends a line.
model::Graph graph_of(const std::string& declarations, const std::string& nodes) {
    std::string text = "graph g\n  " + declarations + ";" + nodes;
    int count = 0;
    for (size_t at; (at = text.find(';')) != std::string::npos;) {
        const bool node = text.rfind(" since ", at) != std::string::npos &&
                          text.rfind(" since ", at) > text.rfind('\n', at);
        const size_t next = text.find_first_not_of(' ', at + 1);
        text.replace(at, next - at,
                     (node ? fmt::format(" as N{}", count++) : std::string()) + "\n  ");
    }
    return model::parse(text + "\n", "test");
}

sim::LayerTable table_of(const std::string& declarations, const std::string& nodes,
                         int64_t batch = 0) {
    model::Graph graph = graph_of(declarations, nodes);
    if (batch > 0) graph = with_batch(graph, batch);
    const model::ShapedGraph shaped = model::infer_shapes(graph, {}, lower::evaluate);
    if (batch > 0) check_batch(shaped, batch);
    return layer_table(shaped);
}

std::string refusal(const std::string& declarations, const std::string& nodes, int64_t batch) {
    try {
        table_of(declarations, nodes, batch);
        return "";
    } catch (const UserError& error) {
        return error.what();
    }
}

template <class T>
const T& work(const sim::LayerTable& table, size_t i) {
    return std::get<T>(table.layers.at(i).work);
}

}  // namespace

TEST(LayerTable, ConvolutionsHaveTheirSizesAndPadding) {
    const auto table = table_of("input x: f32[2,6,9,7]; input w: f32[8,3,3,2]",
                                "y = Conv(x, w) {group: 2, strides: [2, 1], pads: [1, 0, 2, 1]} "
                                "since 11; output y");
    const auto& c = work<sim::Convolution>(table, 0);
    EXPECT_EQ(c.batch, 2);
    EXPECT_EQ(c.in_channels, 6);
    EXPECT_EQ(c.out_channels, 8);
    EXPECT_EQ(c.out_height, 5);
    EXPECT_EQ(c.out_width, 7);
    EXPECT_EQ(c.pad_height, 3);
    EXPECT_EQ(c.pad_width, 1);
    EXPECT_EQ(c.groups, 2);
    EXPECT_FALSE(c.bias);
    EXPECT_EQ(sim::macs(table.layers[0]), 2 * 8 * 5 * 7 * 3 * 3 * 2);
}

TEST(LayerTable, ContractionsTellSharedOperandsFromCopies) {
    const auto shared = table_of("input x: f32[2,5,3]; const w: f32[3,1](1, 2, 3)",
                                 "y = MatMul(x, w) since 13; output y");
    const auto& one = work<sim::Contraction>(shared, 0);
    EXPECT_THAT((std::vector{one.copies, one.rows, one.sum, one.columns}),
                ElementsAre(1, 10, 3, 1));
    EXPECT_TRUE(one.weights);
    const auto both = table_of("input x: f32[2,4,5,3]; input z: f32[2,4,3,6]",
                               "y = MatMul(x, z) since 13; output y");
    const auto& many = work<sim::Contraction>(both, 0);
    EXPECT_THAT((std::vector{many.copies, many.rows, many.sum, many.columns}),
                ElementsAre(8, 5, 3, 6));
    EXPECT_FALSE(many.weights);
    const auto gemm = table_of("input a: f32[3,7]; input b: f32[5,3]; input c: f32[5]",
                               "y = Gemm(a, b, c) {transA: 1, transB: 1} since 13; output y");
    const auto& g = work<sim::Contraction>(gemm, 0);
    EXPECT_THAT((std::vector{g.rows, g.sum, g.columns}), ElementsAre(7, 3, 5));
    EXPECT_TRUE(g.bias);
}

TEST(LayerTable, AConstantRowAddedToAProductIsItsBias) {
    const std::string declared =
        "input x: f32[5,3]; const w: f32[3,1](1, 2, 3); const b: f32[1](4); input c: f32[1]";
    const auto with =
        table_of(declared, "p = MatMul(x, w) since 13; y = Add(b, p) since 14; output y");
    ASSERT_EQ(with.layers.size(), 1u);
    EXPECT_TRUE(work<sim::Contraction>(with, 0).bias);
    const auto computed =
        table_of(declared, "p = MatMul(x, w) since 13; y = Add(p, c) since 14; output y");
    EXPECT_EQ(computed.layers.size(), 2u);
    const auto read_twice =
        table_of(declared, "p = MatMul(x, w) since 13; y = Add(p, b) since 14; output y; output p");
    EXPECT_EQ(read_twice.layers.size(), 2u);
}

TEST(LayerTable, LeavesOutWhatHandsOnAndLinksTheRest) {
    const auto table = table_of("input x: f32[1,4,6,6]",
                                "a = Relu(x) since 14; b = Dropout(a) since 13; "
                                "c = GlobalAveragePool(b) since 1; d = Flatten(c) since 13; "
                                "e = Add(d, d) since 14; y = Softmax(e) since 13; output y");
    ASSERT_EQ(table.layers.size(), 5u);
    EXPECT_THAT(table.layers[0].operands, ElementsAre(sim::kModelInput));
    EXPECT_THAT(table.layers[1].operands, ElementsAre(0));
    EXPECT_THAT(work<sim::VectorOperator>(table, 1).kernel, ElementsAre(6, 6));
    EXPECT_TRUE(std::holds_alternative<sim::Movement>(table.layers[2].work));
    EXPECT_THAT(table.layers[3].operands, ElementsAre(2, 2));
    EXPECT_EQ(work<sim::VectorOperator>(table, 3).operands, 2);
    EXPECT_EQ(work<sim::VectorOperator>(table, 4).axis, 1);
}

TEST(LayerTable, ABatchReplacesAOneAndBindsAnOpenSize) {
    const std::string relu = "y = Relu(x) since 14; output y";
    EXPECT_THAT(work<sim::VectorOperator>(table_of("input x: f32[1,4]", relu, 8), 0).out_shape,
                ElementsAre(8, 4));
    EXPECT_THAT(work<sim::VectorOperator>(table_of("input x: f32[N,4]", relu, 8), 0).out_shape,
                ElementsAre(8, 4));
    EXPECT_THAT(refusal("input x: f32[2,4]", relu, 8),
                HasSubstr("input 'x' has the leading size 2"));
    EXPECT_THAT(refusal("input x: f32[N,4]", relu, 0), HasSubstr("still open: N"));
    EXPECT_THAT(refusal("input x: f32[1,4]; const s: i64[2](1, -1)",
                        "y = Reshape(x, s) since 14; output y", 8),
                HasSubstr("(Reshape) makes a tensor of leading size 1"));
}

}  // namespace smeaton::driver
