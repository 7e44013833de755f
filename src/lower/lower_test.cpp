#include "lower/lower.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "lower/rules.h"
#include "lower/test_graphs.h"

namespace smeaton::lower {
namespace {

using namespace test;
using testing::HasSubstr;
using testing::Not;

TEST(Rules, every_operator_has_one_except_control_flow) {
    std::string without;
    for (int i = 1; i <= static_cast<int>(model::OpType::kIf); ++i) {
        const auto op = static_cast<model::OpType>(i);
        if (!rules().contains(op)) without += std::string(model::name(op)) + " ";
    }
    EXPECT_EQ(without, "If ");
}

TEST(Lower, an_elementwise_operator_is_one_nest_with_rank_zero_tiles) {
    const gir::Program p = program_of(R"(
  input a: f32[2,3]
  input b: f32[3]
  y: f32[2,3] = Add(a, b) since 14 as Add_0
  output y
)");
    EXPECT_EQ(gir::print(p), R"(program g
  buffer a: memory f32[i0: 2, i1: 3] input holds "a"
  buffer b: memory f32[i0: 3] input holds "b"
  buffer y: memory f32[i0: 2, i1: 3] output holds "y"
  run Add_0(a, b -> y)

kernel Add_0(a, b -> y) from Add_0
  parallel i0: 2, i1: 3 any
    let t: local f32[]
    binary add t[] <- a[i0,i1], b[i1]
    move y[i0,i1] <- t[]
)");
}

TEST(Lower, softmax_is_the_row_kernel_of_the_definition) {
    const gir::Program p = program_of(R"(
  input x: f32[4,128]
  y: f32[4,128] = Softmax(x) since 13 as S
  output y
)");
    EXPECT_THAT(gir::print(p), HasSubstr(R"(
  parallel i0: 4 any
    let row: local f32[v0: 128]
    move row[v0] <- x[i0,v0]
    let m: local f32[]
    reduce max m[] <- row[v0]
    binary sub row[v0] <- row[v0], m[]
    unary exp row[v0] <- row[v0]
    let s: local f32[]
    reduce add s[] <- row[v0]
    binary div row[v0] <- row[v0], s[]
    move y[i0,v0] <- row[v0]
)"));
}

TEST(Lower, a_grouped_convolution_has_a_group_axis_and_a_bounded_read) {
    const gir::Program p = program_of(R"(
  input x: f32[1,4,8,8]
  input w: f32[6,2,3,1]
  input b: f32[6]
  y: f32[1,6,4,8] = Conv(x, w, b) {group: 2, pads: [1,0,1,0], strides: [2,1]} since 11 as C
  output y
)");
    EXPECT_THAT(gir::print(p), HasSubstr(R"(
  parallel g: 2, k: 3, oh: 4, ow: 8 any
    let acc: local f32[]
    move acc[] <- b[g*3+k]
    mma acc[] += x[0,g*2+c,oh*2+r-1,ow] within (0 <= oh*2+r-1) else 0.0 * w[g*3+k,c,r,0] over c: 2, r: 3
    move y[0,g*3+k,oh,ow] <- acc[]
)"));
}

TEST(Lower, kernels_that_read_weights_only_run_once) {
    const gir::Program p = program_of(R"(
  input x: f32[1,2,2]
  const scale: f32[2](1.0, 2.0)
  const bias: f32[2](0.5, 0.25)
  const mean: f32[2](0.0, 1.0)
  const var: f32[2](1.0, 4.0)
  y: f32[1,2,2] = BatchNormalization(x, scale, bias, mean, var) since 15 as B
  output y
)");
    const std::string text = gir::print(p);
    EXPECT_THAT(text, HasSubstr("once run B_factors(var, scale, mean, bias -> B_a, B_b)"));
    EXPECT_THAT(text, HasSubstr("\n  run B(x, B_a, B_b -> y)"));
    EXPECT_THAT(text, HasSubstr("buffer B_a: memory f32[i0: 2] weight"));
}

TEST(Lower, what_is_one_number_throughout_is_written_anew_in_each_run) {
    const std::string text = gir::print(program_of(R"(
  input x: f32[2,3]
  const shape: i64[2](2, 3)
  const w: f32[3](1.0, 2.0, 3.0)
  a: f32[2,3] = ConstantOfShape(shape) since 9 as A
  y: f32[2,3] = Add(x, a) since 14 as Y
  b: f32[2,3] = ConstantOfShape(shape) since 9 as B
  c: f32[2,3] = Add(b, w) since 14 as C
  z: f32[2,3] = Add(x, c) since 14 as Z
  output y
  output z
)"));
    EXPECT_THAT(text, HasSubstr("\n  run A( -> a)"));
    EXPECT_THAT(text, HasSubstr("buffer a: memory f32[i0: 2, i1: 3] temp"));
    EXPECT_THAT(text, HasSubstr("once run B( -> b)"));  // as C reads it, which runs once
    EXPECT_THAT(text, HasSubstr("once run C(b, w -> c)"));
}

TEST(Lower, views_have_no_kernel_and_outputs_have_memory_of_their_own) {
    const gir::Program p = program_of(R"(
  input x: f32[2,3]
  const shape: i64[1](6)
  r: f32[2,3] = Relu(x) since 14 as R
  y: f32[6] = Reshape(r, shape) since 14 as V
  z: f32[6] = Reshape(x, shape) since 14 as W
  output y
  output z
  output x
)");
    const std::string text = gir::print(p);
    EXPECT_THAT(text, HasSubstr("\n  run R(x -> r)\n"));
    EXPECT_THAT(text, HasSubstr("buffer r: memory f32[i0: 2, i1: 3] output alias of y"));
    EXPECT_THAT(text, Not(HasSubstr("copy_y")));  // r is made in y's memory
    EXPECT_THAT(text, HasSubstr("run copy_z("));
    EXPECT_THAT(text, HasSubstr("run copy_x_2(x -> x_2)"));
}

TEST(Lower, a_result_listed_twice_fills_both_outputs) {
    const std::vector<Tensor> y = run(R"(
  input x: f32[2]
  y: f32[2] = Neg(x) since 13 as N
  output y
  output y
)",
                                      {f32({2}, {1, -2})});
    ASSERT_EQ(y.size(), 2u);
    expect_near(y[0], {-1, 2});
    expect_near(y[1], {-1, 2});
}

TEST(Lower, names_that_meet_are_told_apart) {
    const std::vector<Tensor> y = run(R"(
  input t: f32[2]
  input "a.b": f32[2]
  input "a/b": f32[2]
  i0: f32[2] = Add(t, "a.b") since 14 as k
  acc: f32[2] = Mul(i0, "a/b") since 14 as k_2
  output acc
)",
                                      {f32({2}, {1, 2}), f32({2}, {10, 20}), f32({2}, {2, 3})});
    expect_near(y[0], {22, 66});
}

TEST(Lower, what_no_output_depends_on_is_left_out) {
    const gir::Program p = program_of(R"(
  input x: f32[2]
  y: f32[2] = Neg(x) since 13 as used
  z: f32[2] = Exp(x) since 13 as unused
  output y
)");
    EXPECT_THAT(gir::print(p), Not(HasSubstr("unused")));
}

TEST(Lower, all_refused_nodes_are_listed_at_once) {
    const model::ShapedGraph g = shaped_graph(R"(
  input x: f32[2]
  a: f8e4m3fn[2] = Cast(x) {to: 17} since 19 as low
  b: f32[2] = Cast(a) {to: 1} since 19 as high
  input s: f32[2,3]
  input w: f32[1,2,3]
  c, m = BatchNormalization(w, s, s, s, s) {spatial: 0} since 7 as train
  output b
  output c
  output m
)");
    const std::vector<Unsupported> refused = unsupported(g);
    ASSERT_EQ(refused.size(), 3u);
    EXPECT_EQ(refused[0].node, "low");
    EXPECT_THAT(refused[0].reason, HasSubstr("f8e4m3fn"));
    EXPECT_EQ(refused[2].op, "BatchNormalization");
    try {
        lower(g);
        FAIL();
    } catch (const UserError& error) {
        EXPECT_THAT(error.what(), HasSubstr("cannot compile 3 nodes"));
        EXPECT_THAT(error.what(), HasSubstr("node train (BatchNormalization): training with"));
    }
}

TEST(Lower, half_floats_are_widened_once_and_narrowed_once) {
    const gir::Program p = program_of(R"(
  input x: f16[4]
  y: f16[4] = HardSwish(x) since 14 as H
  output y
)");
    const std::string text = gir::print(p);
    size_t casts = 0;
    for (size_t at = text.find("unary cast"); at != std::string::npos;
         at = text.find("unary cast", at + 1))
        ++casts;
    EXPECT_EQ(casts, 2u);
}

TEST(Lower, a_checked_condition_names_the_node) {
    const std::string gather = R"(
  input x: f32[3]
  input i: i64[2]
  y: f32[2] = Gather(x, i) since 13 as pick
  output y
)";
    Tensor index(DType::kI64, {2});
    index.set_from_int(0, -3);
    index.set_from_int(1, 2);
    expect_near(run(gather, {f32({3}, {5, 6, 7}), index})[0], {5, 7});
    index.set_from_int(1, 3);
    try {
        run(gather, {f32({3}, {5, 6, 7}), index});
        FAIL();
    } catch (const UserError& error) {
        EXPECT_THAT(error.what(), HasSubstr("pick: index outside an axis of extent 3"));
    }
    const std::string divide = R"(
  input a: i32[1]
  input b: i32[1]
  y: i32[1] = Div(a, b) since 14 as part
  output y
)";
    Tensor seven(DType::kI32, {1}), divisor(DType::kI32, {1});
    seven.set_from_int(0, 7);
    EXPECT_THROW(run(divide, {seven, divisor}), UserError);
    divisor.set_from_int(0, -2);
    EXPECT_EQ(run(divide, {seven, divisor})[0].at_as_int(0), -3);
}

}  // namespace
}  // namespace smeaton::lower
