#include "gir/interp/interp.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "base/error.h"
#include "gir/text/parse.h"
#include "tensor/convert.h"

namespace smeaton::gir::interp {
namespace {

using testing::HasSubstr;

Tensor floats(std::vector<int64_t> shape, const std::function<float(int64_t)>& value) {
    Tensor t(DType::kF32, std::move(shape));
    for (int64_t i = 0; i < t.elements(); ++i) t.mutable_as<float>()[i] = value(i);
    return t;
}

Tensor random(std::vector<int64_t> shape, unsigned seed = 1) {
    std::mt19937 rng(seed);
    std::uniform_real_distribution<float> d(-2, 2);
    return floats(std::move(shape), [&](int64_t) { return d(rng); });
}

Tensor ints(DType t, std::vector<int64_t> shape, const std::vector<int64_t>& values) {
    Tensor out(t, std::move(shape));
    for (size_t i = 0; i < values.size(); ++i) out.set_from_int(static_cast<int64_t>(i), values[i]);
    return out;
}

Tensor only_output(const std::string& text, const std::map<Name, Tensor>& inputs,
                   const Options& options = {}) {
    Program p = parse_program(text, "test");
    Result r = run(p, inputs, options);
    EXPECT_EQ(r.outputs.size(), 1u);
    return r.outputs.begin()->second;
}

std::vector<double> values(const Tensor& t) {
    std::vector<double> v;
    for (int64_t i = 0; i < t.elements(); ++i) v.push_back(t.at_as_double(i));
    return v;
}

// Widened, plain and counted runs must agree to the bit.
Tensor checked_output(const std::string& text, const std::map<Name, Tensor>& inputs) {
    Options plain;
    plain.widen = false;
    Options counted;
    counted.count = true;
    Tensor wide = only_output(text, inputs);
    EXPECT_TRUE(same(wide, only_output(text, inputs, plain)));
    EXPECT_TRUE(same(wide, only_output(text, inputs, counted)));
    return wide;
}

TEST(Interp, add_and_relu_over_odd_sizes) {
    Tensor a = random({37, 5}, 1), b = random({37, 5}, 2);
    Tensor y = checked_output(R"(program p
  buffer a: memory f32[i: 37, j: 5] input
  buffer b: memory f32[i: 37, j: 5] input
  buffer y: memory f32[i: 37, j: 5] output
  run k(a, b -> y)

kernel k(a, b -> y)
  parallel i: 37, j: 5 any
    let t: local f32[]
    binary add t[] <- a[i,j], b[i,j]
    unary relu t[] <- t[]
    move y[i,j] <- t[]
)",
                              {{"a", a}, {"b", b}});
    for (int64_t i = 0; i < y.elements(); ++i) {
        float sum = a.as<float>()[i] + b.as<float>()[i];
        EXPECT_EQ(y.as<float>()[i], sum > 0 ? sum : 0);
    }
}

TEST(Interp, convolution_with_bounds_equals_a_loop_nest) {
    Tensor x = random({2, 3, 9, 7}), w = random({4, 3, 3, 3}, 2);
    Tensor y = checked_output(R"(program p
  buffer x: memory f32[n: 2, c: 3, h: 9, w: 7] input
  buffer w: memory f32[k: 4, c: 3, r: 3, s: 3] input
  buffer y: memory f32[n: 2, k: 4, h: 5, w: 4] output
  run conv(x, w -> y)

kernel conv(x, w -> y)
  parallel n: 2, k: 4, oh: 5, ow: 4 any
    let acc: local f32[]
    fill acc[] <- 0.0
    mma acc[] += x[n,c,oh*2+r-1,ow*2+s-1] within (0 <= oh*2+r-1 < 9, 0 <= ow*2+s-1 < 7) else 0.0 * w[k,c,r,s] over c: 3, r: 3, s: 3
    move y[n,k,oh,ow] <- acc[]
)",
                              {{"x", x}, {"w", w}});
    int64_t at = 0;
    for (int n = 0; n < 2; ++n)
        for (int k = 0; k < 4; ++k)
            for (int oh = 0; oh < 5; ++oh)
                for (int ow = 0; ow < 4; ++ow) {
                    double sum = 0;
                    for (int c = 0; c < 3; ++c)
                        for (int r = 0; r < 3; ++r)
                            for (int s = 0; s < 3; ++s) {
                                int h = oh * 2 + r - 1, v = ow * 2 + s - 1;
                                if (h < 0 || h >= 9 || v < 0 || v >= 7) continue;
                                sum += x.at_as_double(((n * 3 + c) * 9 + h) * 7 + v) *
                                       w.at_as_double(((k * 3 + c) * 3 + r) * 3 + s);
                            }
                    EXPECT_NEAR(y.as<float>()[at++], sum, 1e-6 * (1 + std::fabs(sum)));
                }
}

// The same convolution through blocked layouts with a border, claims and a ring.
TEST(Interp, blocked_layouts_borders_and_claims_do_not_change_the_result) {
    Tensor x = random({1, 6, 8, 8}), w = random({20, 6, 3, 3}, 2), bias = random({20}, 3);
    std::map<Name, Tensor> inputs{{"x", x}, {"w", w}, {"bias", bias}};
    Tensor naive = checked_output(R"(program p
  buffer x: memory f32[n: 1, c: 6, h: 8, w: 8] input
  buffer w: memory f32[k: 20, c: 6, r: 3, s: 3] input
  buffer bias: memory f32[k: 20] input
  buffer y: memory f32[n: 1, k: 20, h: 8, w: 8] output
  run conv(x, w, bias -> y)

kernel conv(x, w, bias -> y)
  parallel k: 20, oh: 8, ow: 8 any
    let acc: local f32[]
    move acc[] <- bias[k]
    mma acc[] += x[0,c,oh+r-1,ow+s-1] within (0 <= oh+r-1 < 8, 0 <= ow+s-1 < 8) else 0.0 * w[k,c,r,s] over c: 6, r: 3, s: 3
    move y[0,k,oh,ow] <- acc[]
)",
                                  inputs);
    Tensor tiled = checked_output(R"(program p
  buffer x: dram f32[n: 1, c: 6, h: 8, w: 8] input
  buffer w: dram f32[k: 20, c: 6, r: 3, s: 3] input
  buffer bias: dram f32[k: 20] input
  buffer wp: dram f32[k: 20, c: 6, r: 3, s: 3] temp [k/4, c/4, r, s, c%4, k%4] border 0.0
  buffer x4: dram f32[n: 1, c: 6, h: 8, w: 8] temp [n, c/4, 1+h+1, 1+w+1, c%4] border 0.0
  buffer y4: dram f32[n: 1, k: 20, h: 8, w: 8] temp [n, k/4, h, w, k%4]
  buffer y: dram f32[n: 1, k: 20, h: 8, w: 8] output
  run pack(w -> wp)
  run block(x -> x4)
  run conv(wp, x4, bias -> y4)
  run unblock(y4 -> y)

kernel pack(w -> wp)
  parallel k: 20, c: 6 core
    move wp[k,c,r,s] <- w[k,c,r,s] over r: 3, s: 3

kernel block(x -> x4)
  parallel c: 6, h: 8 core
    move x4[0,c,h,w] <- x[0,c,h,w] over w: 8

kernel conv(wp, x4, bias -> y4)
  claim ws: l2 f32[k: 20, c: 6, r: 3, s: 3] <- wp[k,c,r,s]
  parallel oh0: 4 core
    for oh1: 2
      claim rows: l2 f32[c: 6, r: 3, w: 10] ring(oh1) <- x4[0,c,oh0*2+oh1+r-1,w-1]
      for k0: 5, ow: 2
        let acc: reg f32[p: 4, k: 4 lanes]
        move acc[p,k] <- bias[k0*4+k]
        for r: 3, s: 3
          mma acc[p,k] += rows[c,r,ow*4+p+s] * ws[k0*4+k,c,r,s]
        move y4[0,k0*4+k,oh0*2+oh1,ow*4+p] <- acc[p,k]

kernel unblock(y4 -> y)
  parallel c: 20, h: 8 core
    move y[0,c,h,w] <- y4[0,c,h,w] over w: 8
)",
                                  inputs);
    for (int64_t i = 0; i < naive.elements(); ++i)
        EXPECT_NEAR(naive.as<float>()[i], tiled.as<float>()[i], 1e-5);
}

// Rows of x, their sum with the running total in t; `copy` holds a row.
std::string copied_rows(const std::string& how, const std::string& loop = "for i: 7") {
    return R"(program p
  buffer x: dram f32[i: 7, j: 5] input
  buffer y: dram f32[i: 7, j: 5] output
  run rows(x -> y)

kernel rows(x -> y)
  )" + loop +
           R"(
    copy row: sram f32[j: 5] )" +
           how + R"(<- x[i,j]
    unary neg y[i,j] <- row[j]
)";
}

TEST(Interp, parts_of_a_copy_rotate_through_its_loop) {
    Tensor x = random({7, 5});
    Options options;
    options.levels = Levels{{{"dram", -1, {}}, {"sram", 0, {}}}, {}};
    options.count = true;
    for (const char* loop : {"for i: 7", "for i: 7 from 2 to 6", "parallel i: 7 core"}) {
        Result one = run(parse_program(copied_rows("", loop), "one"), {{"x", x}}, options);
        for (const char* how : {"depth 2 ", "depth 3 ", "depth 9 ", "ring(i) depth 2 "}) {
            Result r = run(parse_program(copied_rows(how, loop), "parts"), {{"x", x}}, options);
            // y is NaN where a clipped loop leaves it.
            EXPECT_EQ(std::memcmp(r.outputs.at("y").data(), one.outputs.at("y").data(), 7 * 5 * 4),
                      0)
                << how << loop;
            EXPECT_EQ(r.traffic.str(), one.traffic.str()) << how << loop;
        }
    }
}

TEST(Interp, parts_of_a_copy_are_filled_while_iterations_before_work) {
    // A loop that writes what it copies from is no sound program: it shows when a part was filled.
    auto text = [](const char* depth) {
        return std::string(R"(program p
  buffer x: dram f32[i: 4] input
  buffer t: dram f32[i: 6] temp
  buffer y: dram f32[i: 4] output
  run k(x -> t, y)

kernel k(x -> t, y)
  fill t[i] <- 0.0 over i: 6
  for i: 4
    copy c: sram f32[] )") +
               depth + R"(<- t[i]
    move y[i] <- c[]
    move t[i+1] <- x[i]
    move t[i+2] <- x[i]
)";
    };
    Options options;
    options.levels = Levels{{{"dram", -1, {}}, {"sram", 0, {}}}, {}};
    std::map<Name, Tensor> x{{"x", floats({4}, [](int64_t i) { return 10.0f * (i + 1); })}};
    // Iteration i stores into what i + 1 and i + 2 copy.
    EXPECT_EQ(values(only_output(text(""), x, options)), (std::vector<double>{0, 10, 20, 30}));
    EXPECT_EQ(values(only_output(text("depth 2 "), x, options)),
              (std::vector<double>{0, 0, 10, 20}));
    EXPECT_EQ(values(only_output(text("depth 3 "), x, options)), (std::vector<double>{0, 0, 0, 0}));
}

TEST(Interp, gather_reads_rows_and_names_an_index_out_of_range) {
    std::string text = R"(program p
  buffer table: memory f32[v: 5, e: 3] input
  buffer ids: memory i64[i: 4] input
  buffer y: memory f32[i: 4, e: 3] output
  run g(ids, table -> y)

kernel g(ids, table -> y) from Gather_7
  parallel i: 4 any
    move y[i,e] <- table[ids[i],e] over e: 3
)";
    Tensor table = floats({5, 3}, [](int64_t i) { return static_cast<float>(i); });
    Tensor y =
        checked_output(text, {{"table", table}, {"ids", ints(DType::kI64, {4}, {4, 0, 2, 2})}});
    EXPECT_THAT(values(y), testing::ElementsAre(12, 13, 14, 0, 1, 2, 6, 7, 8, 6, 7, 8));
    try {
        only_output(text, {{"table", table}, {"ids", ints(DType::kI64, {4}, {4, 0, 5, 2})}});
        FAIL();
    } catch (const UserError& e) {
        EXPECT_THAT(e.what(), HasSubstr("Gather_7"));
        EXPECT_THAT(e.what(), HasSubstr("index out of range"));
    }
}

TEST(Interp, scatter_runs_in_order_and_sort_is_stable_with_nan_last) {
    Tensor y =
        checked_output(R"(program p
  buffer q: memory i32[i: 5] input
  buffer u: memory f32[i: 5] input
  buffer y: memory f32[v: 3] output
  run k(q, u -> y)

kernel k(q, u -> y)
  fill y[v] <- 1.0 over v: 3
  scatter add y[q[i]] <- u[i] over i: 5
  scatter set y[q[i]] <- u[i] over i: 2
)",
                       {{"q", ints(DType::kI32, {5}, {1, 1, 0, 1, 0})},
                        {"u", floats({5}, [](int64_t i) { return static_cast<float>(i); })}});
    EXPECT_THAT(values(y), testing::ElementsAre(7, 1, 1));

    float nan = std::numeric_limits<float>::quiet_NaN();
    std::vector<float> keys{2, nan, 3, 2, -1, 3};
    std::string sort = R"(program p
  buffer x: memory f32[v: 6] input
  buffer y: memory i64[v: 6] output
  run k(x -> y)

kernel k(x -> y)
  let key: local f32[v: 6]
  let at: local i64[v: 6]
  move key[v] <- x[v]
  iota at[v] <- v
  sort desc key[v], at[v] along v
  move y[v] <- at[v]
)";
    Tensor x = floats({6}, [&](int64_t i) { return keys[static_cast<size_t>(i)]; });
    EXPECT_THAT(values(checked_output(sort, {{"x", x}})), testing::ElementsAre(1, 2, 5, 0, 3, 4));
}

TEST(Interp, a_check_that_fails_ends_the_run_with_its_message) {
    EXPECT_THROW(only_output(R"(program p
  buffer x: memory i64[i: 3] input
  buffer y: memory i64[i: 3] output
  run k(x -> y)

kernel k(x -> y)
  let ok: local bool[i: 3]
  binary ge ok[i] <- x[i], 0
  check ok[i] "Node_3: a negative index"
  move y[i] <- x[i] over i: 3
)",
                             {{"x", ints(DType::kI64, {3}, {1, -1, 2})}}),
                 UserError);
}

TEST(Interp, a_read_of_what_was_never_written_is_a_nan) {
    Tensor y = checked_output(R"(program p
  buffer x: memory f32[i: 4] input
  buffer y: memory f32[i: 4] output
  run k(x -> y)

kernel k(x -> y)
  let t: local f32[i: 4]
  move t[i] <- x[i] over i: 2
  move y[i] <- t[i]
)",
                              {{"x", random({4})}});
    EXPECT_FALSE(std::isnan(y.as<float>()[1]));
    EXPECT_TRUE(std::isnan(y.as<float>()[2]));
}

TEST(Interp, a_slice_that_leaves_its_buffer_is_an_internal_error) {
    EXPECT_THROW(only_output(R"(program p
  buffer x: memory f32[i: 4] input
  buffer y: memory f32[i: 4] output
  run k(x -> y)

kernel k(x -> y)
  move y[i] <- x[i+1] over i: 4
)",
                             {{"x", random({4})}}),
                 InternalError);
}

TEST(Interp, integers_wrap_and_casts_out_of_range_wrap_an_i32) {
    Tensor y = checked_output(R"(program p
  buffer x: memory f32[i: 5] input
  buffer y: memory i8[i: 5] output
  run k(x -> y)

kernel k(x -> y)
  let t: local i8[i: 5]
  unary cast t[i] <- x[i]
  binary add y[i] <- t[i], 1
)",
                              {{"x", floats({5}, [](int64_t i) {
                                    return i == 0   ? 300.0f
                                           : i == 1 ? -1e10f
                                           : i == 2 ? std::nanf("")
                                           : i == 3 ? -1.9f
                                                    : 5.5f;
                                })}});
    EXPECT_THAT(values(y), testing::ElementsAre(45, 1, 1, 0, 6));
}

TEST(Interp, half_precision_is_rounded_at_each_store) {
    Tensor x(DType::kBF16, {3});
    for (int i = 0; i < 3; ++i) x.set_from_double(i, 1.0 + i / 128.0);
    Tensor y = checked_output(R"(program p
  buffer x: memory bf16[i: 3] input
  buffer y: memory bf16[i: 3] output
  run k(x -> y)

kernel k(x -> y)
  binary mul y[i] <- x[i], x[i] over i: 3
)",
                              {{"x", x}});
    for (int i = 0; i < 3; ++i) {
        double v = (1.0 + i / 128.0) * (1.0 + i / 128.0);
        EXPECT_EQ(y.at_as_double(i),
                  tensor::bf16_to_float(tensor::float_to_bf16(static_cast<float>(v))));
    }
}

TEST(Interp, serial_loops_are_clipped_by_affine_bounds) {
    // Triangular sum: y[i] = sum of x[j] for j <= i.
    Tensor x = floats({6}, [](int64_t i) { return static_cast<float>(i + 1); });
    Tensor y = checked_output(R"(program p
  buffer x: memory f32[i: 6] input
  buffer y: memory f32[i: 6] output
  run k(x -> y)

kernel k(x -> y)
  parallel i: 6 any
    let acc: local f32[]
    fill acc[] <- 0.0
    for j: 6 to i+1
      binary add acc[] <- acc[], x[j]
    move y[i] <- acc[]
)",
                              {{"x", x}});
    EXPECT_THAT(values(y), testing::ElementsAre(1, 3, 6, 10, 15, 21));
}

TEST(Interp, branch_repeat_and_settle_steps) {
    std::string text = R"(program p
  param K
  buffer go: memory bool[] input
  buffer n: memory i64[] input
  buffer x: memory f32[i: 8] input
  buffer it: memory i64[] temp
  buffer s: memory f32[] temp
  buffer s2: memory f32[] temp
  buffer y: memory f32[k: K] output
  settle K from n
  run zero(-> s)
  branch go
    then
      repeat it trips K carry s2 to s
        run step(x, it, s -> s2)
    else
      run minus(-> s)
  run out(s -> y)

kernel zero(-> s)
  fill s[] <- 0.0

kernel minus(-> s)
  fill s[] <- -1.0

kernel step(x, it, s -> s2)
  binary add s2[] <- s[], x[it[]]

kernel out(s -> y)
  move y[k] <- s[] over k: K
)";
    Tensor x = floats({8}, [](int64_t i) { return static_cast<float>(i + 1); });
    auto outcome = [&](int64_t go, int64_t n) {
        return values(only_output(
            text,
            {{"go", ints(DType::kBool, {}, {go})}, {"n", ints(DType::kI64, {}, {n})}, {"x", x}}));
    };
    EXPECT_THAT(outcome(1, 3), testing::ElementsAre(6, 6, 6));
    EXPECT_THAT(outcome(0, 2), testing::ElementsAre(-1, -1));
}

TEST(Interp, nests_that_read_nothing_of_each_other_are_sampled_apart) {
    const auto program = [](const char* second) {
        return parse_program(fmt::format(R"(program p
  buffer x: memory f32[i: 6, v: 8] input
  buffer y: memory f32[i: 6, v: 8] output
  buffer z: memory f32[i: 2, v: 8] output
  run k(x -> y, z)

kernel k(x -> y, z)
  claim part: l1 f32[i: 6, v: 8] <- {}[i,v]
  parallel i: 6 any
    unary exp y[i,v] <- x[i,v] over v: 8
  parallel j: 2 any
    unary neg z[j,v] <- part[j,v] over v: 8
)",
                                         second),
                             "test");
    };
    Program p = program("x"), chained = program("y");
    const Kernel& k = *std::get<RunStep>(p.steps[0].node).kernel;
    const std::vector<NestSize> nests = separate_nests(k, p);
    ASSERT_EQ(nests.size(), 2u);
    EXPECT_EQ(nests[0].iterations, 6);
    EXPECT_EQ(nests[1].points, 16);
    EXPECT_EQ(sampled_iterations(k), 0);
    EXPECT_TRUE(separate_nests(*std::get<RunStep>(chained.steps[0].node).kernel, chained).empty());
    Memory part = make_memory(p, {{"x", random({6, 8})}});
    WrittenMap written;
    Options options;
    options.range = {1, 1, 1};
    options.written = &written;
    run_kernel(k, p, part, options);
    for (size_t i = 0; i < 16; ++i) EXPECT_EQ(written["z"][i] != 0, i >= 8);
    EXPECT_THAT(written["y"], testing::Each(0));
}

TEST(Interp, a_sample_of_iterations_writes_its_part_only) {
    Program p = parse_program(R"(program p
  buffer x: memory f32[i: 6, j: 4, v: 8] input
  buffer y: memory f32[i: 6, j: 4, v: 8] output
  run k(x -> y)

kernel k(x -> y)
  parallel i: 6, j: 4 any
    unary exp y[i,j,v] <- x[i,j,v] over v: 8
)",
                              "test");
    const Kernel& k = *std::get<RunStep>(p.steps[0].node).kernel;
    EXPECT_EQ(sampled_iterations(k), 24);
    Tensor x = random({6, 4, 8});
    Memory all = make_memory(p, {{"x", x}}), part = make_memory(p, {{"x", x}});
    run_kernel(k, p, all);
    WrittenMap written;
    Options options;
    options.range = {5, 3};
    options.written = &written;
    run_kernel(k, p, part, options);
    Tensor whole = from_layout(p.buffer("y"), all["y"]),
           some = from_layout(p.buffer("y"), part["y"]);
    for (int64_t i = 0; i < whole.elements(); ++i) {
        bool sampled = i / 8 >= 5 && i / 8 < 8;
        EXPECT_EQ(written["y"][static_cast<size_t>(i)] != 0, sampled);
        if (sampled)
            EXPECT_EQ(whole.as<float>()[i], some.as<float>()[i]);
        else
            EXPECT_TRUE(std::isnan(some.as<float>()[i]));
    }
}

TEST(Interp, a_missing_input_is_named) {
    Program p = parse_program(R"(program p
  buffer x: memory f32[i: 2] input holds "images"
  buffer y: memory f32[i: 2] output
  run k(x -> y)

kernel k(x -> y)
  move y[i] <- x[i] over i: 2
)",
                              "test");
    try {
        run(p, {});
        FAIL();
    } catch (const UserError& e) {
        EXPECT_THAT(e.what(), HasSubstr("images"));
    }
    EXPECT_THROW(run(p, {{"x", random({3})}}), UserError);
}

}  // namespace
}  // namespace smeaton::gir::interp
