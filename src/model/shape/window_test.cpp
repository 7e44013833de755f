#include "model/shape/window.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/shape/from_text.h"
#include "model/text/text.h"

namespace smeaton::model {
namespace {

using test::graph_of;
using test::inferred;
using ::testing::HasSubstr;

constexpr const char* kConv = "input x: f32[2,4,9,8]; input w: f32[6,4,3,3]; input b: f32[6]";

TEST(ConvShape, counts_windows_with_pads_strides_and_dilations) {
    EXPECT_EQ(inferred(kConv, "Conv(x, w) since 11"), "f32[2,6,7,6]");
    EXPECT_EQ(inferred(kConv, "Conv(x, w, b) {pads: [1,1,1,1], strides: [2,2]} since 1"),
              "f32[2,6,5,4]");
    EXPECT_EQ(inferred(kConv, "Conv(x, w) {dilations: [3,2]} since 22"), "f32[2,6,3,4]");
    EXPECT_EQ(inferred(kConv, "Conv(x, w) {pads: [0,-1,2,0]} since 22"), "f32[2,6,9,5]");
}

TEST(ConvShape, takes_groups_one_and_three_spatial_dims_and_empty_batches) {
    EXPECT_EQ(
        inferred("input x: f32[1,4,9]; input w: f32[4,1,3]", "Conv(x, w) {group: 4} since 11"),
        "f32[1,4,7]");
    EXPECT_EQ(inferred("input x: f32[1,2,5,5,5]; input w: f32[8,2,1,3,5]", "Conv(x, w) since 11"),
              "f32[1,8,5,3,1]");
    EXPECT_EQ(inferred("input x: f32[0,4,9,8]; input w: f32[6,4,3,3]", "Conv(x, w) since 11"),
              "f32[0,6,7,6]");
}

TEST(ConvShape, keeps_symbolic_sizes_as_expressions) {
    EXPECT_EQ(inferred("input x: f32[N,4,H,W]; input w: f32[6,4,3,3]",
                       "Conv(x, w) {pads: [1,1,1,1], strides: [1,2]} since 11"),
              "f32[N,6,H,floor((W + 1)/2)]");
}

TEST(ConvShape, pads_the_same_way_with_the_odd_row_behind_or_in_front) {
    const Graph upper = graph_of("input x: f32[1,1,6,5]; input w: f32[1,1,3,2]",
                                 "y: f32[1,1,3,5] = Conv(x, w) {auto_pad: \"SAME_UPPER\", "
                                 "strides: [2,1]} since 11; output y");
    Window window = conv_window(NodeView(upper, upper.nodes[0]));
    EXPECT_EQ(window.pads_begin, (std::vector<int64_t>{0, 0}));
    EXPECT_EQ(window.pads_end, (std::vector<int64_t>{1, 1}));
    const Graph lower = graph_of("input x: f32[1,1,6,5]; input w: f32[1,1,3,2]",
                                 "y = Conv(x, w) {auto_pad: \"SAME_LOWER\", strides: [2,1]} "
                                 "since 11; output y");
    window = conv_window(NodeView(lower, lower.nodes[0]));
    EXPECT_EQ(window.pads_begin, (std::vector<int64_t>{1, 1}));
    EXPECT_EQ(window.pads_end, (std::vector<int64_t>{0, 0}));
    EXPECT_EQ(window.output, (Shape{3, 5}));
    EXPECT_EQ(inferred("input x: f32[1,1,H,5]; input w: f32[1,1,3,2]",
                       "Conv(x, w) {auto_pad: \"SAME_UPPER\", strides: [2,1]} since 11"),
              "f32[1,1,floor((H + 1)/2),5]");
    EXPECT_EQ(inferred(kConv, "Conv(x, w) {auto_pad: \"VALID\"} since 11"), "f32[2,6,7,6]");
}

TEST(ConvShape, names_node_and_operands_that_disagree) {
    EXPECT_EQ(inferred("input x: f32[1,3,8,8]; input w: f32[6,4,3,3]", "Conv(x, w) since 11"),
              "node 'N0' (Conv): operands 'x' f32[1,3,8,8] and 'w' f32[6,4,3,3] disagree: 3 "
              "channels, the weight expects 4");
    EXPECT_THAT(inferred(kConv, "Conv(x, w) {strides: [0,1]} since 11"),
                HasSubstr("node 'N0' (Conv): attribute strides holds 0"));
    EXPECT_THAT(inferred(kConv, "Conv(x, w) {auto_pad: \"SAME\"} since 11"),
                HasSubstr("auto_pad is 'SAME'; expected one of 'NOTSET'"));
    EXPECT_THAT(inferred(kConv, "Conv(x, w) {kernel_shape: [5,5]} since 11"),
                HasSubstr("kernel_shape [5,5] disagrees"));
    EXPECT_THAT(inferred(kConv, "Conv(x, w) {group: 4} since 11"), HasSubstr("disagree"));
    EXPECT_THAT(inferred(kConv, "Conv(x, w) {dilations: [5,1]} since 11"),
                HasSubstr("reaches over"));
    EXPECT_THAT(inferred(kConv, "Conv(x, w, x) since 11"), HasSubstr("bias 'x'"));
    EXPECT_THAT(inferred("input x: f32[1,4,9,8]; input w: f16[6,4,3,3]", "Conv(x, w) since 11"),
                HasSubstr("must have one dtype"));
    EXPECT_THAT(inferred(kConv, "Conv(x, w) {stride: [1,1]} since 11"),
                HasSubstr("unknown attribute stride"));
}

TEST(ConvTransposeShape, grows_by_strides_and_output_padding) {
    const char* in = "input x: f32[1,4,5,5]; input w: f32[4,2,3,3]";
    EXPECT_EQ(inferred(in, "ConvTranspose(x, w) {strides: [2,2]} since 11"), "f32[1,2,11,11]");
    EXPECT_EQ(inferred(in,
                       "ConvTranspose(x, w) {strides: [2,2], pads: [1,1,1,1], output_padding: "
                       "[1,0], group: 2} since 11"),
              "f32[1,4,10,9]");
    EXPECT_EQ(inferred(in, "ConvTranspose(x, w) {strides: [3,2], output_shape: [10,8]} since 1"),
              "f32[1,2,10,8]");
    EXPECT_EQ(
        inferred(in, "ConvTranspose(x, w) {strides: [2,2], auto_pad: \"SAME_UPPER\"} since 11"),
        "f32[1,2,10,10]");
    EXPECT_EQ(inferred("input x: f32[1,4,H,5]; input w: f32[4,2,2,2]",
                       "ConvTranspose(x, w) {strides: [2,2]} since 11"),
              "f32[1,2,2*H,10]");
}

TEST(PoolShape, drops_a_last_window_that_starts_in_the_end_padding) {
    EXPECT_EQ(inferred("input x: f32[1,1,4,4]",
                       "MaxPool(x) {kernel_shape: [3,3], strides: [2,2], ceil_mode: 1} since 12"),
              "f32[1,1,2,2]");
    EXPECT_EQ(inferred("input x: f32[1,1,2,2]",
                       "MaxPool(x) {kernel_shape: [1,1], strides: [2,2], ceil_mode: 1} since 22"),
              "f32[1,1,1,1]");
    EXPECT_EQ(inferred("input x: f32[1,1,H,4]",
                       "MaxPool(x) {kernel_shape: [3,3], strides: [2,2], ceil_mode: 1} since 12"),
              "f32[1,1,floor(H/2),2]");
}

TEST(PoolShape, with_ceil_mode_a_kernel_may_be_wider_than_the_padded_input) {
    const auto pooled = [](const char* attributes) {
        return inferred("input x: f32[1,1,2,2]",
                        std::string("MaxPool(x) {ceil_mode: 1, ") + attributes + "} since 12");
    };
    EXPECT_EQ(pooled("kernel_shape: [3,3], strides: [2,2]"), "f32[1,1,1,1]");
    EXPECT_EQ(pooled("kernel_shape: [3,3], strides: [1,2]"), "f32[1,1,0,1]");
    EXPECT_THAT(pooled("kernel_shape: [5,3], strides: [2,2]"), HasSubstr("reaches over 5"));
}

TEST(PoolShape, gives_indices_for_max_pooling_only) {
    EXPECT_EQ(inferred("input x: u8[1,3,8,8]", "MaxPool(x) {kernel_shape: [2,2]} since 12", 2),
              "u8[1,3,7,7] i64[1,3,7,7]");
    EXPECT_THAT(
        inferred("input x: f32[1,3,8,8]", "AveragePool(x) {kernel_shape: [2,2]} since 19", 2),
        HasSubstr("it has 2 outputs"));
}

TEST(PoolShape, knows_attributes_by_version) {
    EXPECT_EQ(inferred("input x: f32[1,3,8,8]",
                       "AveragePool(x) {kernel_shape: [2,2], dilations: [2,3]} since 19"),
              "f32[1,3,6,5]");
    EXPECT_THAT(inferred("input x: f32[1,3,8,8]",
                         "AveragePool(x) {kernel_shape: [2,2], dilations: [2,3]} since 11"),
                HasSubstr("unknown attribute dilations"));
    EXPECT_THAT(inferred("input x: f32[1,3,8,8]", "MaxPool(x) since 12"),
                HasSubstr("attribute kernel_shape is missing"));
    EXPECT_EQ(inferred("input x: f32[2,3,8,H]", "GlobalAveragePool(x) since 1"), "f32[2,3,1,1]");
}

}  // namespace
}  // namespace smeaton::model
