#include "sim/scalesim/scalesim.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "base/error.h"
#include "sim/scalesim/topology.h"

namespace smeaton::sim::scalesim {

namespace {

using ::testing::HasSubstr;

constexpr Dataflow kAll[] = {Dataflow::kOutputStationary, Dataflow::kWeightStationary,
                             Dataflow::kInputStationary};

std::array<int64_t, 3> totals(const std::vector<Product>& products, const Array& array) {
    std::array<int64_t, 3> sums{};
    for (size_t i = 0; i < 3; ++i)
        for (const Product& p : products) sums[i] += compute_cycles(p, array, kAll[i]);
    return sums;
}

int64_t macs(const std::vector<Product>& products) {
    int64_t sum = 0;
    for (const Product& p : products) sum += p.macs();
    return sum;
}

std::string refusal(const std::string& csv) {
    try {
        parse_topology(csv, "net.csv");
        return "";
    } catch (const UserError& error) {
        return error.what();
    }
}

/// Rows as the published ResNet files have them: sizes without padding.
class Rows {
public:
    Rows() { add(224, 7, 3, 64, 2); }
    void add(int size, int kernel, int channels, int filters, int stride) {
        text_ += fmt::format("layer,{0},{0},{1},{1},{2},{3},{4},\n", size, kernel, channels,
                             filters, stride);
    }
    std::vector<Product> products() const { return parse_topology(text_, "net.csv"); }

private:
    std::string text_ = "Layer name, IFMAP Height, ...,\n";
};

std::vector<Product> resnet18() {
    Rows rows;
    int size = 56, in = 64;
    for (int width : {64, 128, 256, 512})
        for (int block = 0; block < 2; ++block) {
            const int stride = width > 64 && block == 0 ? 2 : 1;
            const int before = size;
            rows.add(size, 3, in, width, stride);
            size /= stride;
            rows.add(size, 3, width, width, 1);
            if (stride == 2) rows.add(before, 1, in, width, 2);
            in = width;
        }
    rows.add(1, 1, 512, 1000, 1);
    return rows.products();
}

/// The stride stands in the first convolution of a block.
std::vector<Product> resnet50() {
    Rows rows;
    int size = 56, in = 64;
    const int blocks[] = {3, 4, 6, 3};
    for (int stage = 0; stage < 4; ++stage)
        for (int block = 0; block < blocks[stage]; ++block) {
            const int width = 64 << stage, before = size;
            const int stride = stage > 0 && block == 0 ? 2 : 1;
            rows.add(size, 1, in, width, stride);
            size /= stride;
            rows.add(size, 3, width, width, 1);
            rows.add(size, 1, width, 4 * width, 1);
            if (block == 0) rows.add(before, 1, in, 4 * width, stride);
            in = 4 * width;
        }
    rows.add(1, 1, 2048, 1000, 1);
    return rows.products();
}

}  // namespace

TEST(ScaleSim, CountsFoldsAndFillsByHand) {
    // 5x3 by 7 on 2x2: os 3*2 folds of 7+2, ws 4*2 of 5+4, is 4*3 of 3+4; each less one in all
    const Product p{"p", "product", 5, 3, 7, 1};
    EXPECT_EQ(compute_cycles(p, {2, 2}, Dataflow::kOutputStationary), 3 * 2 * 9 - 1);
    EXPECT_EQ(compute_cycles(p, {2, 2}, Dataflow::kWeightStationary), 4 * 2 * 9 - 1);
    EXPECT_EQ(compute_cycles(p, {2, 2}, Dataflow::kInputStationary), 4 * 3 * 7 - 1);
    const Product twice{"p", "product", 5, 3, 7, 2};
    EXPECT_EQ(compute_cycles(twice, {2, 2}, Dataflow::kInputStationary), 2 * 83);
}

TEST(ScaleSim, GivesThePublishedProducts) {
    const Product gemm{"g", "product", 256, 128, 256, 1};
    EXPECT_EQ(compute_cycles(gemm, {32, 32}, Dataflow::kWeightStationary), 11199);
    EXPECT_EQ(compute_cycles(gemm, {32, 32}, Dataflow::kOutputStationary), 52447 - 42272);
    EXPECT_EQ(compute_cycles(gemm, {32, 32}, Dataflow::kInputStationary), 19984 - 5777);
    struct Case {
        Product product;
        int64_t size, cycles;
        double percent;
    };
    const Case os[] = {{{"", "", 64, 16, 4096, 1}, 128, 4349, 100 * 4194304.0 / (4349 * 16384.0)},
                       {{"", "", 32, 32, 128, 1}, 16, 631, 100 * 131072.0 / (631 * 256.0)},
                       {{"", "", 16, 16, 4, 1}, 8, 71, 22.535},
                       {{"", "", 1, 1, 1, 1}, 8, 14, 0.112}};
    for (const Case& c : os) {
        const Array array{c.size, c.size};
        const int64_t cycles = compute_cycles(c.product, array, Dataflow::kOutputStationary);
        EXPECT_EQ(cycles, c.cycles);
        const double percent = 100 * utilization(c.product.macs(), cycles, array);
        EXPECT_NEAR(percent, c.percent, 5e-4);
    }
}

TEST(ScaleSim, GivesThePublishedConvolution) {
    const auto rows = parse_topology("heading,\nconv1,224,224,11,11,3,96,4,\n", "net.csv");
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_EQ(compute_cycles(rows[0], {32, 32}, Dataflow::kWeightStationary), 112283);
}

TEST(ScaleSim, GivesTheTotalsOfThePublishedNetworks) {
    using Totals = std::array<int64_t, 3>;
    EXPECT_EQ(resnet18().size(), 21u);
    EXPECT_EQ(macs(resnet18()), 1471181568);
    EXPECT_EQ(totals(resnet18(), {32, 32}), (Totals{1718353, 2519815, 2838997}));
    EXPECT_EQ(totals(resnet18(), {128, 128}), (Totals{262370, 417628, 595543}));
    EXPECT_EQ(resnet50().size(), 54u);
    EXPECT_EQ(macs(resnet50()), 3479536384);
    EXPECT_EQ(totals(resnet50(), {32, 32}), (Totals{4434168, 5753486, 5608356}));
    EXPECT_EQ(totals(resnet50(), {128, 128}), (Totals{611561, 876832, 997762}));
}

TEST(Topology, ReadsBothFormsAndTheirRemarks) {
    auto products =
        parse_topology("Layer, M, N, K,\n  first , 3, 4, 5,\n,,,\nsecond,1,2,3,1:1\n", "f");
    ASSERT_EQ(products.size(), 2u);
    EXPECT_EQ(products[0].name, "first");
    EXPECT_EQ(products[0].m, 3);
    EXPECT_EQ(products[0].n, 4);
    EXPECT_EQ(products[0].k, 5);
    auto layers = parse_topology(
        "heading\na,9,8,3,2,5,7,2,,,110\r\nb,9,8,3,2,5,7,2,3, NPU\nDP1,6,6,3,3,5,1,1,\n", "f");
    ASSERT_EQ(layers.size(), 3u);
    EXPECT_EQ(layers[0].m, 4 * 4);  // ceil(8/2) x ceil(8/2)
    EXPECT_EQ(layers[0].n, 7);
    EXPECT_EQ(layers[0].k, 3 * 2 * 5);
    EXPECT_EQ(layers[1].m, 4 * 3);
    EXPECT_EQ(layers[2].k, 9);
    EXPECT_EQ(layers[2].times, 5);
}

TEST(Topology, RefusesWhatItDoesNotUnderstand) {
    EXPECT_THAT(refusal("heading\n"), HasSubstr("net.csv: no layer"));
    EXPECT_THAT(refusal("h\na,1,2,\n"), HasSubstr("net.csv:2: 3 columns; expected a name and M"));
    EXPECT_THAT(refusal("h\na,1,-2,3,\n"), HasSubstr("net.csv:2: column 3 is '-2'"));
    EXPECT_THAT(refusal("h\na,1,2.5,3,\n"), HasSubstr("column 3 is '2.5'"));
    EXPECT_THAT(refusal("h\na,5,5,7,3,1,1,1,\n"), HasSubstr("filter of 7x3 is larger"));
    EXPECT_THAT(refusal("h\na,1,2,3,2:4\n"), HasSubstr("sparsity ratio 2:4"));
    EXPECT_THAT(refusal("h\na,1000000000,1000000000,1000000000,\n"),
                HasSubstr("net.csv:2: its sizes multiply to more than"));
    EXPECT_THAT(refusal("h\na,1000000000,1000000000,1,1,3,64,1,\n"),
                HasSubstr("net.csv:2: its sizes multiply"));
    EXPECT_THROW(read_topology_file("/tmp"), UserError);
    EXPECT_THAT(refusal("h\na,1,2,3,\nb,9,9,3,3,1,1,1,\n"),
                HasSubstr("net.csv:3: a file has either"));
}

TEST(ScaleSim, TakesConvolutionsAndContractionsOfATable) {
    Convolution conv{.batch = 2,
                     .in_channels = 6,
                     .out_channels = 4,
                     .out_height = 5,
                     .out_width = 3,
                     .kernel_height = 3,
                     .kernel_width = 1,
                     .groups = 2};
    VectorOperator relu{.op = VectorOp::kRelu};
    Contraction attention{.copies = 12, .rows = 7, .sum = 8, .columns = 9};
    LayerTable table{
        {{"c", "Conv", conv, {}}, {"r", "Relu", relu, {0}}, {"m", "MatMul", attention, {1}}}};
    const Products all = products_of(table);
    ASSERT_EQ(all.products.size(), 2u);
    EXPECT_EQ(all.products[0].m, 2 * 5 * 3);
    EXPECT_EQ(all.products[0].n, 2);
    EXPECT_EQ(all.products[0].k, 3 * 3);
    EXPECT_EQ(all.products[0].times, 2);
    EXPECT_EQ(all.products[1].times, 12);
    EXPECT_EQ(all.not_modelled.at("Relu"), 1);
    for (size_t i : {0u, 1u}) EXPECT_EQ(all.products[i].macs(), macs(table.layers[2 * i]));
    table.layers[1].op = "ConvTranspose";
    EXPECT_THROW(products_of(table), UserError);
}

TEST(ScaleSim, ReadsArraysAndDataflows) {
    EXPECT_EQ(array_of("8x128").rows, 8);
    EXPECT_EQ(array_of("8x128").columns, 128);
    for (const char* bad : {"", "8", "8x", "x8", "0x8", "8x-1", "8x8x8", "8X8"})
        EXPECT_THROW(array_of(bad), UserError) << bad;
    EXPECT_EQ(dataflow_named("is"), Dataflow::kInputStationary);
    EXPECT_THROW(dataflow_named("rs"), UserError);
}

}  // namespace smeaton::sim::scalesim
