// Results of rules where the onnx package's operator tests leave something out: old versions, odd
// strides, empty tensors, many operands.
#include <cmath>

#include "lower/axis_map.h"
#include "lower/test_graphs.h"

namespace smeaton::lower {
namespace {

using namespace test;

/// y[o] += x[i] * w[r] wherever o == i*stride + r*dilation - pad: the definition, in one dimension.
std::vector<double> transposed(const Tensor& x, const Tensor& w, int64_t out, int64_t stride,
                               int64_t dilation, int64_t pad) {
    std::vector<double> y(static_cast<size_t>(out), 0.0);
    for (int64_t i = 0; i < x.elements(); ++i)
        for (int64_t r = 0; r < w.elements(); ++r) {
            const int64_t o = i * stride + r * dilation - pad;
            if (o >= 0 && o < out)
                y[static_cast<size_t>(o)] += x.at_as_double(i) * w.at_as_double(r);
        }
    return y;
}

TEST(ConvTranspose, every_phase_of_stride_and_dilation_is_reached) {
    for (int64_t stride : {1, 2, 3, 4})
        for (int64_t dilation : {1, 2, 3})
            for (int64_t kernel : {1, 2, 5})
                for (int64_t pad : {0, 1}) {
                    const int64_t out = 4 * stride + (kernel - 1) * dilation + 1 - 2 * pad;
                    if (out < 1) continue;
                    const Tensor x = counting({1, 1, 5}), w = counting({1, 1, kernel});
                    const std::string body = fmt::format(
                        "  input x: f32[1,1,5]\n  input w: f32[1,1,{}]\n"
                        "  y: f32[1,1,{}] = ConvTranspose(x, w) {{dilations: [{}], pads: [{},{}], "
                        "strides: [{}]}} since 11 as C\n  output y\n",
                        kernel, out, dilation, pad, pad, stride);
                    SCOPED_TRACE(body);
                    expect_near(run(body, {x, w})[0], transposed(x, w, out, stride, dilation, pad));
                }
}

TEST(ConvTranspose, groups_and_bias_reach_their_channels) {
    const std::vector<Tensor> y = run(R"(
  input x: f32[1,2,1]
  input w: f32[2,2,1]
  input b: f32[4]
  y: f32[1,4,1] = ConvTranspose(x, w, b) {group: 2} since 11 as C
  output y
)",
                                      {f32({1, 2, 1}, {2, 3}), f32({2, 2, 1}, {1, 10, 100, 1000}),
                                       f32({4}, {0.5, 0.5, 0.25, 0.25})});
    expect_near(y[0], {2.5, 20.5, 300.25, 3000.25});
}

TEST(ConvTranspose, large_strides_share_their_phases) {
    for (int64_t kernel : {5, 34, 40}) {
        const int64_t out = 2 * 17 + kernel - 2;
        const Tensor x = counting({1, 1, 3}), w = counting({1, 1, kernel});
        const std::string body = fmt::format(
            "  input x: f32[1,1,3]\n  input w: f32[1,1,{}]\n  y: f32[1,1,{}] = ConvTranspose(x, w) "
            "{{pads: [1,1], strides: [17]}} since 11 as C\n  output y\n",
            kernel, out);
        SCOPED_TRACE(body);
        expect_near(run(body, {x, w})[0], transposed(x, w, out, 17, 1, 1));
        EXPECT_LE(program_of(body).steps.size(), 4u);
    }
}

TEST(Pad, many_reflections_go_through_a_table) {
    const std::string body = R"(
  input x: f32[2,3]
  const p: i64[4](1, 20, 1, 0)
  y: f32[4,23] = Pad(x, p) {mode: "reflect"} since 13 as P
  output y
)";
    const Tensor x = counting({2, 3});
    std::vector<double> want;
    for (int64_t r : {1, 0, 1, 0})
        for (int64_t c = -20; c < 3; ++c) {
            const int64_t m = ((c % 4) + 4) % 4;
            want.push_back(x.at_as_double(r * 3 + (m < 3 ? m : 4 - m)));
        }
    expect_near(run(body, {x})[0], want);
}

TEST(Elementwise, before_version_7_an_axis_places_the_second_operand) {
    const std::vector<Tensor> y =
        run(R"(
  input a: f32[2,2,2]
  input b: f32[2]
  y: f32[2,2,2] = Add(a, b) {axis: 1, broadcast: 1} since 6 as A
  output y
)",
            {f32({2, 2, 2}, {0, 0, 0, 0, 1, 1, 1, 1}), f32({2}, {10, 20})});
    expect_near(y[0], {10, 10, 20, 20, 11, 11, 21, 21});
}

TEST(Elementwise, activations_have_their_formulas) {
    const Tensor x = f32({5}, {-3, -0.5, 0, 0.5, 4});
    const auto of = [&](const std::string& call) {
        return run("  input x: f32[5]\n  y: f32[5] = " + call + " as N\n  output y\n", {x})[0];
    };
    expect_near(of("Elu(x) {alpha: 2.0} since 6"),
                {2 * std::expm1(-3), 2 * std::expm1(-0.5), 0, 0.5, 4});
    expect_near(of("LeakyRelu(x) {alpha: 2.0} since 16"), {-6, -1, 0, 0.5, 4});
    expect_near(of("LeakyRelu(x) {alpha: 0.5} since 16"), {-1.5, -0.25, 0, 0.5, 4});
    expect_near(of("HardSwish(x) since 14"), {0, -0.5 * (2.5 / 6), 0, 0.5 * (3.5 / 6), 4});
    expect_near(of("Softplus(x) since 1"),
                {std::log1p(std::exp(-3)), std::log1p(std::exp(-0.5)), std::log(2),
                 std::log1p(std::exp(0.5)), std::log1p(std::exp(4))});
    expect_near(of("Clip(x) {max: 1.0, min: -1.0} since 6"), {-1, -0.5, 0, 0.5, 1});
}

TEST(Norm, group_parameters_changed_from_groups_to_channels_in_version_21) {
    const Tensor x = f32({1, 4, 1}, {1, 3, 10, 30});  // each group normalises to -1, 1
    const std::vector<Tensor> old = run(R"(
  input x: f32[1,4,1]
  input s: f32[2]
  input b: f32[2]
  y: f32[1,4,1] = GroupNormalization(x, s, b) {epsilon: 0.0, num_groups: 2} since 18 as G
  output y
)",
                                        {x, f32({2}, {1, 2}), f32({2}, {0, 5})});
    expect_near(old[0], {-1, 1, 3, 7});
    const std::vector<Tensor> now = run(R"(
  input x: f32[1,4,1]
  input s: f32[4]
  input b: f32[4]
  y: f32[1,4,1] = GroupNormalization(x, s, b) {epsilon: 0.0, num_groups: 2} since 21 as G
  output y
)",
                                        {x, f32({4}, {1, 2, 3, 4}), f32({4}, {0, 0, 0, 9})});
    expect_near(now[0], {-1, 2, -3, 13});
}

TEST(Norm, softmax_before_version_13_takes_all_dims_from_the_axis) {
    const std::vector<Tensor> y = run(R"(
  input x: f32[1,2,2]
  y: f32[1,2,2] = Softmax(x) since 11 as S
  output y
)",
                                      {f32({1, 2, 2}, {0, 0, 0, 0})});
    expect_near(y[0], {0.25, 0.25, 0.25, 0.25});
}

TEST(Resize, version_10_scales_from_the_corner) {
    const std::vector<Tensor> y = run(R"(
  input x: f32[1,1,1,2]
  const s: f32[4](1.0, 1.0, 1.0, 2.0)
  n: f32[1,1,1,4] = Resize(x, s) since 10 as N
  l: f32[1,1,1,4] = Resize(x, s) {mode: "linear"} since 10 as L
  output n
  output l
)",
                                      {f32({1, 1, 1, 2}, {1, 3})});
    expect_near(y[0], {1, 1, 3, 3});
    expect_near(y[1], {1, 2, 3, 3});
}

TEST(Resize, whole_factors_and_whole_steps_need_no_table) {
    const std::string up = gir::print(program_of(R"(
  input x: f32[1,1,2,2]
  const s: f32[4](1.0, 1.0, 2.0, 3.0)
  y: f32[1,1,4,6] = Resize(x, _, s) {coordinate_transformation_mode: "asymmetric", nearest_mode: "floor"} since 13 as U
  output y
)"));
    EXPECT_NE(up.find("move y[0,0,i2*2+p2,i3*3+p3] <- x[0,0,i2,i3]"), std::string::npos) << up;
}

TEST(Einsum, chains_diagonals_and_sums) {
    const Tensor a = counting({2, 3}), b = counting({3, 2}), c = counting({2, 2});
    const std::vector<Tensor> y = run(R"(
  input a: f32[2,3]
  input b: f32[3,2]
  input c: f32[2,2]
  y: f32[2] = Einsum(a, b, c) {equation: "ij,jk,kk->i"} since 12 as E
  output y
)",
                                      {a, b, c});
    std::vector<double> want(2, 0.0);
    for (int64_t i = 0; i < 2; ++i)
        for (int64_t j = 0; j < 3; ++j)
            for (int64_t k = 0; k < 2; ++k)
                want[static_cast<size_t>(i)] += a.at_as_double(i * 3 + j) *
                                                b.at_as_double(j * 2 + k) *
                                                c.at_as_double(k * 2 + k);
    expect_near(y[0], want);
}

TEST(Reduce, nothing_to_reduce_gives_the_identity) {
    const std::vector<Tensor> y = run(R"(
  input x: f32[2,0]
  const a: i64[1](1)
  s: f32[2,1] = ReduceSum(x, a) since 13 as S
  p: f32[2,1] = ReduceProd(x, a) since 18 as P
  m: f32[2,1] = ReduceMax(x, a) since 18 as M
  output s
  output p
  output m
)",
                                      {Tensor(DType::kF32, {2, 0})});
    expect_near(y[0], {0, 0});
    expect_near(y[1], {1, 1});
    EXPECT_EQ(y[2].at_as_double(0), -INFINITY);
}

TEST(ArgMax, a_nan_is_the_greatest_and_the_first_or_last_wins) {
    const Tensor x = f32({2, 4}, {1, 7, 7, 0, 2, NAN, 9, NAN});
    const auto of = [&](int last) {
        return values(run(fmt::format("  input x: f32[2,4]\n  y: i64[2] = ArgMax(x) {{axis: 1, "
                                      "keepdims: 0, select_last_index: {}}} since 13 as A\n"
                                      "  output y\n",
                                      last),
                          {x})[0]);
    };
    EXPECT_EQ(of(0), (std::vector<double>{1, 1}));
    EXPECT_EQ(of(1), (std::vector<double>{2, 3}));
}

TEST(Empty, tensors_pass_through_every_family) {
    const std::vector<Tensor> y = run(R"(
  input x: f32[0,3]
  input w: f32[3,2]
  a: f32[0,3] = Relu(x) since 14 as A
  m: f32[0,2] = MatMul(a, w) since 13 as M
  s: f32[0,2] = Softmax(m) since 13 as S
  t: f32[2,0] = Transpose(s) since 21 as T
  c: f32[2,0] = Concat(t, t) {axis: 1} since 13 as C
  output c
)",
                                      {Tensor(DType::kF32, {0, 3}), counting({3, 2})});
    EXPECT_EQ(y[0].shape(), (std::vector<int64_t>{2, 0}));
}

TEST(AxisMap, splits_into_runs_of_constant_step) {
    const std::vector<lower::Run> runs = runs_of({2, 1, 0, 1, 2, 3, 3});
    ASSERT_EQ(runs.size(), 3u);
    EXPECT_EQ(runs[0].count, 3);
    EXPECT_EQ(runs[0].step, -1);
    EXPECT_EQ(runs[1].base, 1);
    EXPECT_EQ(runs[1].count, 3);
    EXPECT_EQ(runs[2].count, 1);
    EXPECT_EQ(repeat_factor({0, 0, 1, 1}), 2);
    EXPECT_EQ(repeat_factor({0, 0, 1}), 0);
    EXPECT_EQ(repeat_factor({0, 1, 2}), 0);
}

}  // namespace
}  // namespace smeaton::lower
