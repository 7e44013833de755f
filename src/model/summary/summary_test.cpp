#include "model/summary/summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/shape/from_text.h"
#include "model/shape/infer.h"

namespace smeaton::model {
namespace {

using test::graph_of;

Dim flops_of(const std::string& declarations, const std::string& node) {
    const ShapedGraph shaped = infer_shapes(graph_of(declarations, "y = " + node + "; output y"));
    return summarize(shaped).flops;
}

TEST(Summary, counts_two_per_multiply_add) {
    EXPECT_EQ(flops_of("input x: f32[1,4,8,8]; input w: f32[6,2,3,3]",
                       "Conv(x, w) {group: 2, pads: [1,1,1,1]} since 11"),
              Dim(2 * 6 * 64 * 2 * 9));
    EXPECT_EQ(flops_of("input x: f32[1,4,8,8]; input w: f32[4,3,2,2]; input b: f32[3]",
                       "ConvTranspose(x, w, b) {strides: [2,2]} since 11"),
              Dim(2 * 4 * 64 * 3 * 4 + 3 * 256));
    EXPECT_EQ(flops_of("input a: f32[N,128,64]; input b: f32[64,32]", "MatMul(a, b) since 13"),
              Dim::symbol("N") * (2 * 128 * 64 * 32));
    EXPECT_EQ(flops_of("input a: f32[64,5]; input b: f32[64,32]; input c: f32[32]",
                       "Gemm(a, b, c) {transA: 1} since 13"),
              Dim(5 * 32 * (2 * 64 + 1)));
    EXPECT_EQ(flops_of("input a: f32[2,3,4]; input b: f32[2,4,5]",
                       "Einsum(a, b) {equation: \"bij,bjk->bik\"} since 12"),
              Dim(2 * 2 * 3 * 4 * 5));
}

TEST(Summary, counts_the_rest_by_element) {
    EXPECT_EQ(flops_of("input a: f32[2,3]; input b: f32[3]", "Add(a, b) since 14"), Dim(6));
    EXPECT_EQ(flops_of("input a: f32[2,3]", "Transpose(a) since 13"), Dim(0));
    EXPECT_EQ(flops_of("input a: f32[2,3]", "ReduceMax(a) {axes: [1]} since 13"), Dim(6));
    EXPECT_EQ(flops_of("input a: f32[1,1,4,4]", "MaxPool(a) {kernel_shape: [2,2]} since 12"),
              Dim(9 * 4));
}

TEST(Summary, counts_parameters_and_bytes_once) {
    const ShapedGraph shaped = infer_shapes(
        graph_of("input x: f32[2,3]; const w: f16[3](1,2,3); const v: f32[3](1,2,3); "
                 "const s: i64[1](-1)",
                 "a = Add(x, v) since 14; b = Mul(a, v) since 14; c = Reshape(b, s) since 14; "
                 "d = Cast(w) {to: 1} since 13; output c; output d"));
    const ModelSummary summary = summarize(shaped);
    EXPECT_EQ(summary.parameters, 6);
    EXPECT_EQ(summary.constant_bytes, 12 + 8 + 6);
    EXPECT_EQ(summary.operators[0].read_bytes, Dim(24 + 12));
    EXPECT_EQ(summary.operators[0].constant_bytes, Dim(12));
    EXPECT_EQ(summary.operators[0].written_bytes, Dim(24));
    EXPECT_EQ(summary.operators[2].output, "f32[6]");
    EXPECT_EQ(summarize(infer_shapes(graph_of("input x: f32[2]",
                                              "k = Constant() {value: f32[2](1,2)} since 13; "
                                              "y = Add(x, k) since 14; output y")))
                  .parameters,
              2);
}

}  // namespace
}  // namespace smeaton::model
