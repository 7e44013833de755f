#include "gir/rewrite/narrow.h"

#include "gir/rewrite/test_programs.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {
namespace {

// Whole numbers below 256: exact in bf16, and products of them in f32.
const char* const kTwoProducts = R"(program p
  buffer x: memory f32[m: 4, k: 3] input
  buffer w: memory f32[k: 3, n: 2] weight
  buffer h: memory f32[m: 4, n: 2] temp
  buffer y: memory f32[m: 4, n: 2] output
  buffer z: memory f32[m: 4, n: 4] output
  run first(x, w -> h)
  run relu(h -> y)
  run second(x -> z)

kernel first(x, w -> h) from "a"
  parallel m: 4 any
    parallel n: 2 any
      let acc: local f32[]
      fill acc[] <- 0.0
      mma acc[] += x[m,k] * w[k,n] over k: 3
      move h[m,n] <- acc[]

kernel relu(h -> y) from "b"
  parallel m: 4 any
    parallel n: 2 any
      let t: local f32[]
      unary relu t[] <- h[m,n]
      move y[m,n] <- t[]

kernel second(x -> z) from "c"
  parallel m: 4 any
    parallel n: 4 any
      let acc: local f32[]
      fill acc[] <- 0.0
      mma acc[] += x[m,k] * x[n,k] over k: 3
      move z[m,n] <- acc[]
)";

Program with_weight() {
    Program p = program_of(kTwoProducts);
    Tensor w(DType::kF32, {3, 2});
    for (int64_t i = 0; i < 6; ++i) w.set_from_double(i, static_cast<double>(i) - 2);
    p.buffer("w").data = w;
    return p;
}

int kernels_named(const Program& p, const std::string& start, bool once) {
    int count = 0;
    for (const Step& s : p.steps)
        if (auto* run = std::get_if<RunStep>(&s.node))
            count += run->once == once && run->kernel->name.str().rfind(start, 0) == 0;
    return count;
}

TEST(Narrow, operands_are_narrowed_once_for_all_products_and_weights_at_load) {
    const Program p = with_weight(), narrow = narrow_products(p, DType::kBF16);
    EXPECT_TRUE(means_the_same(p, narrow));
    EXPECT_EQ(kernels_named(narrow, "narrow_x", false), 1);
    EXPECT_EQ(kernels_named(narrow, "narrow_w", true), 1);
    for (const KernelPtr& k : kernels(narrow))
        for_each_op(k->body, [&](const Op& op) {
            if (op.kind != OpKind::Mma) return;
            for (const Operand& o : op.srcs)
                EXPECT_EQ(narrow.buffer(std::get<Slice>(o).target).dtype, DType::kBF16);
        });
    EXPECT_EQ(narrow.buffer("h").dtype, DType::kF32) << "sums keep their type";
}

TEST(Narrow, integers_are_summed_in_32_bits) {
    const Program p = with_weight(), narrow = narrow_products(p, DType::kI8);
    EXPECT_TRUE(means_the_same(p, narrow));
    bool sums = false;
    for (const KernelPtr& k : kernels(narrow))
        for_each_stmt(k->body, [&](const Stmt& s) {
            if (auto* let = std::get_if<Let>(&s.node))
                sums = sums || let->tile.dtype == DType::kI32;
        });
    EXPECT_TRUE(sums);
}

TEST(Narrow, what_is_written_anew_is_narrowed_anew) {
    const char* text = R"(program p
  buffer x: memory f32[i: 4] input
  buffer s: memory f32[i: 4] temp
  buffer y: memory f32[i: 4] output
  buffer z: memory f32[i: 4] output
  run set(x -> s)
  run square(s -> y)
  run twice(x -> s)
  run again(s -> z)

kernel set(x -> s)
  parallel i: 4 any
    move s[i] <- x[i]

kernel square(s -> y)
  parallel i: 4 any
    let acc: local f32[]
    fill acc[] <- 0.0
    mma acc[] += s[i] * s[k] over k: 4
    move y[i] <- acc[]

kernel twice(x -> s)
  parallel i: 4 any
    let t: local f32[]
    binary add t[] <- x[i], x[i]
    move s[i] <- t[]

kernel again(s -> z)
  parallel i: 4 any
    let acc: local f32[]
    fill acc[] <- 0.0
    mma acc[] += s[i] * s[k] over k: 4
    move z[i] <- acc[]
)";
    const Program p = program_of(text), narrow = narrow_products(p, DType::kBF16);
    EXPECT_TRUE(means_the_same(p, narrow));
    EXPECT_EQ(kernels_named(narrow, "narrow_s", false), 2);
}

TEST(Narrow, views_stay_views) {
    const char* text = R"(program p
  buffer x: memory f32[a: 2, b: 3] input
  buffer v: memory f32[c: 6] input alias of x
  buffer y: memory f32[c: 6] output
  run outer(v -> y)

kernel outer(v -> y)
  parallel c: 6 any
    let acc: local f32[]
    fill acc[] <- 0.0
    mma acc[] += v[c] * v[k] over k: 6
    move y[c] <- acc[]
)";
    const Program p = program_of(text), narrow = narrow_products(p, DType::kF16);
    EXPECT_TRUE(means_the_same(p, narrow));
    EXPECT_EQ(narrow.buffer("v_f16").alias_of, Name("x_f16"));
}

TEST(Narrow, another_order_of_a_buffer_is_that_of_its_narrow_one) {
    const char* text = R"(program p
  buffer x: memory f32[a: 3, b: 3] input
  buffer t: memory f32[a: 3, b: 3] temp
  buffer y: memory f32[a: 3, b: 3] output
  run turn(x -> t)
  run product(x, t -> y)

kernel turn(x -> t)
  parallel a: 3 any
    parallel b: 3 any
      move t[b,a] <- x[a,b]

kernel product(x, t -> y)
  parallel a: 3 any
    parallel b: 3 any
      let acc: local f32[]
      fill acc[] <- 0.0
      mma acc[] += x[a,k] * t[k,b] over k: 3
      move y[a,b] <- acc[]
)";
    const Program p = program_of(text), narrow = narrow_products(p, DType::kBF16);
    EXPECT_TRUE(means_the_same(p, narrow));
    int casts = 0;
    for (const KernelPtr& k : kernels(narrow))
        for_each_op(k->body, [&](const Op& op) { casts += op.fn == ScalarFn::cast; });
    EXPECT_EQ(casts, 1);
}

TEST(Narrow, integers_and_narrow_floats_stay) {
    std::string text = kTwoProducts;
    for (size_t at; (at = text.find("f32")) != std::string::npos;) text.replace(at, 3, "i32");
    for (size_t at; (at = text.find("0.0")) != std::string::npos;) text.replace(at, 3, "0");
    const Program p = program_of(text), same_program = narrow_products(p, DType::kI8);
    EXPECT_EQ(kernels(p), kernels(same_program));
}

}  // namespace
}  // namespace smeaton::gir::rewrite
