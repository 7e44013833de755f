#include "model/rewrite/fold_affine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/rewrite/edit.h"
#include "model/rewrite/reference.h"
#include "model/rewrite/simplify.h"
#include "model/shape/from_text.h"

namespace smeaton::model {
namespace {

using test::graph_of;
using test::random_tensor;
using ::testing::ElementsAre;

/// Parses with every "input p_..." turned into a constant of seeded values, then simplifies; checks
/// that before and after agree on random inputs; gives the operators that are left.
std::vector<std::string> folded(const std::string& declarations, const std::string& nodes) {
    Graph graph = graph_of(declarations, nodes);
    uint64_t seed = 1;
    std::erase_if(graph.inputs, [&](ValueId id) {
        Value& value = graph.at(id);
        if (value.name.rfind("p_", 0) != 0) return false;
        value.constant = random_tensor(*const_shape(*value.shape), ++seed);
        for (int64_t i = 0; i < value.constant->elements(); ++i) {
            if (value.name == "p_var") value.constant->set_from_double(i, 0.5 + 0.25 * double(i));
        }
        return true;
    });
    const ShapedGraph before = infer_shapes(graph);
    const ShapedGraph after = simplify(before, {});
    std::map<std::string, Tensor> feeds;
    for (ValueId id : before.graph.inputs) {
        const Value& value = before.graph.at(id);
        feeds[value.name] = random_tensor(*const_shape(*value.shape), ++seed);
    }
    const Tensor expected = test::run(before.graph, feeds).at(0);
    const Tensor actual = test::run(after.graph, feeds).at(0);
    EXPECT_EQ(expected.shape(), actual.shape());
    for (int64_t i = 0; i < expected.elements(); ++i) {
        EXPECT_NEAR(expected.at_as_double(i), actual.at_as_double(i), 2e-5) << "element " << i;
    }
    std::vector<std::string> left;
    for (const Node& node : after.graph.nodes) left.push_back(node.op_name);
    return left;
}

constexpr const char* kNorm =
    "; input p_s: f32[6]; input p_b: f32[6]; input p_m: f32[6]; "
    "input p_var: f32[6]";

TEST(FoldAffine, batch_norm_goes_into_the_convolution_before_it) {
    const std::string in = std::string(
                               "input x: f32[2,4,5,5]; input p_w: f32[6,2,3,3]; input "
                               "p_c: f32[6]") +
                           kNorm;
    EXPECT_THAT(folded(in,
                       "a = Conv(x, p_w, p_c) {group: 2, pads: [1,1,1,1]} since 11; "
                       "b = BatchNormalization(a, p_s, p_b, p_m, p_var) since 15; "
                       "y = Relu(b) since 14; output y"),
                ElementsAre("Conv", "Relu"));
    EXPECT_THAT(folded(in,
                       "a = Conv(x, p_w) {group: 2} since 11; "
                       "y = BatchNormalization(a, p_s, p_b, p_m, p_var) {epsilon: 0.1} since 9; "
                       "output y"),
                ElementsAre("Conv"));
}

TEST(FoldAffine, and_into_transposed_convolutions_with_groups) {
    EXPECT_THAT(folded(std::string("input x: f32[1,4,3,3]; input p_w: f32[4,3,2,2]") + kNorm,
                       "a = ConvTranspose(x, p_w) {group: 2, strides: [2,2]} since 11; "
                       "y = BatchNormalization(a, p_s, p_b, p_m, p_var) since 15; output y"),
                ElementsAre("ConvTranspose"));
}

TEST(FoldAffine, and_into_gemm_with_alpha_beta_and_either_layout) {
    const std::string in = std::string(
                               "input x: f32[5,4]; input p_w: f32[4,6]; input p_t: f32[6,4]; "
                               "input p_c: f32[6]; input p_one: f32[1]") +
                           kNorm;
    EXPECT_THAT(folded(in,
                       "a = Gemm(x, p_w, p_c) {alpha: 0.5, beta: 2.0} since 13; "
                       "y = BatchNormalization(a, p_s, p_b, p_m, p_var) since 15; output y"),
                ElementsAre("Gemm"));
    EXPECT_THAT(folded(in,
                       "a = Gemm(x, p_t, p_one) {transB: 1, beta: 3.0} since 13; "
                       "b = Mul(a, p_s) since 14; y = Sub(p_b, b) since 14; output y"),
                ElementsAre("Gemm"));
}

TEST(FoldAffine, so_do_constants_per_channel) {
    const std::string in =
        "input x: f32[1,3,4,4]; input p_w: f32[6,3,1,1]; input p_s: f32[6,1,1]; input p_k: f32[]; "
        "input p_b: f32[1,6,1,1]; input p_row: f32[4]";
    EXPECT_THAT(folded(in,
                       "a = Conv(x, p_w) since 11; b = Mul(a, p_s) since 14; "
                       "c = Add(p_b, b) since 14; d = Div(c, p_k) since 14; "
                       "y = Sub(d, p_k) since 14; output y"),
                ElementsAre("Conv"));
    EXPECT_THAT(folded(in, "a = Conv(x, p_w) since 11; y = Add(a, p_row) since 14; output y"),
                ElementsAre("Conv", "Add"));
    EXPECT_THAT(folded(in, "a = Conv(x, p_w) since 11; y = Div(p_k, a) since 14; output y"),
                ElementsAre("Conv", "Div"));
}

TEST(FoldAffine, a_batch_norm_without_convolution_takes_what_follows) {
    const std::string in = std::string("input x: f32[2,6,3]; input p_k: f32[6,1]") + kNorm;
    EXPECT_THAT(folded(in,
                       "a = BatchNormalization(x, p_s, p_b, p_m, p_var) since 9; "
                       "b = Mul(a, p_k) since 7; y = Add(b, p_k) since 7; output y"),
                ElementsAre("BatchNormalization"));
}

TEST(FoldAffine, before_a_convolution_only_where_padding_stays_exact) {
    const std::string in =
        "input x: f32[1,6,5,5]; input p_w: f32[4,3,3,3]; input p_k: f32[6,1,1]; "
        "input p_t: f32[6,2,2,2]" +
        std::string(kNorm);
    const std::string norm = "a = BatchNormalization(x, p_s, p_b, p_m, p_var) since 15; ";
    EXPECT_THAT(folded(in, norm + "y = Conv(a, p_w) {group: 2} since 11; output y"),
                ElementsAre("Conv"));
    EXPECT_THAT(
        folded(in, norm + "y = Conv(a, p_w) {group: 2, pads: [1,1,1,1]} since 11; output y"),
        ElementsAre("BatchNormalization", "Conv"));
    EXPECT_THAT(folded(in,
                       "a = Mul(x, p_k) since 14; "
                       "y = Conv(a, p_w) {group: 2, pads: [1,1,1,1]} since 11; output y"),
                ElementsAre("Conv"));
    EXPECT_THAT(folded(in,
                       "a = Mul(x, p_k) since 14; "
                       "y = ConvTranspose(a, p_t) {group: 3, strides: [2,2]} since 11; output y"),
                ElementsAre("ConvTranspose"));
    EXPECT_THAT(folded(in,
                       "a = Add(x, p_k) since 14; "
                       "y = ConvTranspose(a, p_t) {group: 3} since 11; output y"),
                ElementsAre("Add", "ConvTranspose"));
}

TEST(FoldAffine, before_gemm_with_alpha) {
    const std::string in =
        "input x: f32[5,4]; input z: f32[4,5]; input p_w: f32[4,3]; "
        "input p_s: f32[4]; input p_b: f32[4]; input p_q: f32[5]";
    EXPECT_THAT(folded(in,
                       "a = Mul(x, p_s) since 14; b = Add(a, p_b) since 14; "
                       "y = Gemm(b, p_w) {alpha: 0.25} since 13; output y"),
                ElementsAre("Gemm"));
    EXPECT_THAT(
        folded(in, "a = Mul(z, p_q) since 14; y = Gemm(a, p_w) {transA: 1} since 13; output y"),
        ElementsAre("Mul", "Gemm"));
}

TEST(FoldAffine, leaves_values_that_others_read) {
    const std::string in = "input x: f32[1,3,4,4]; input p_w: f32[6,3,1,1]; input p_s: f32[6,1,1]";
    EXPECT_THAT(folded(in,
                       "a = Conv(x, p_w) since 11; b = Mul(a, p_s) since 14; "
                       "y = Add(a, b) since 14; output y"),
                ElementsAre("Conv", "Mul", "Add"));
    EXPECT_THAT(
        folded(in, "a = Conv(x, p_w) since 11; b = Mul(a, p_s) since 14; output a; output b"),
        ElementsAre("Conv", "Mul"));
}

TEST(FoldAffine, remembers_the_nodes_that_it_took_in) {
    Graph graph = graph_of("input x: f32[1,1,2]; const w: f32[1,1,1](2.0); const k: f32[](3.0)",
                           "a = Conv(x, w) since 11; y = Mul(a, k) since 14; output y");
    const ShapedGraph after = simplify(infer_shapes(graph), {});
    EXPECT_THAT(after.graph.nodes.at(0).origins, ElementsAre("N0", "N1"));
}

TEST(FoldAffine, a_product_that_leaves_single_precision_stays_two_nodes) {
    const auto left = [](const char* factor, const char* node) {
        const std::string in = std::string("input x: f32[1,1,1,2]; const w: f32[1,1,1,1](1e20); ") +
                               "const tiny: f32[1,1,1,1](1e-30); const k: f32[](" + factor + ")";
        std::string text;
        const Graph graph = graph_of(in, node);
        for (const Node& n : simplify(infer_shapes(graph), {}).graph.nodes)
            text += (text.empty() ? "" : " ") + n.op_name;
        return text;
    };
    const char* behind = "a = Conv(x, w) since 11; y = Mul(a, k) since 14; output y";
    EXPECT_EQ(left("1e20", behind), "Conv Mul");
    EXPECT_EQ(left("1e10", behind), "Conv");
    EXPECT_EQ(left("1e20", "a = Mul(x, k) since 14; y = Conv(a, w) since 11; output y"),
              "Mul Conv");
    EXPECT_EQ(left("1e-30", "a = Conv(x, tiny) since 11; y = Mul(a, k) since 14; output y"),
              "Conv Mul");
}

}  // namespace
}  // namespace smeaton::model
