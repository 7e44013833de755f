#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "base/error.h"
#include "emit/cpp/prelude.h"
#include "gir/rewrite/spell/spell.h"
#include "gir/text/parse.h"
#include "random_program.h"
#include "run/cpu.h"
#include "run_emitted.h"

namespace smeaton::emitted {
namespace {

/// Instruction sets that this CPU can run.
std::vector<std::string> isas() {
    std::string best = run::host_isa();
    if (best.rfind("avx512", 0) == 0) return {"avx512", "avx2", "plain"};
    if (best == "avx2") return {"avx2", "plain"};
    return {"plain"};
}

void expect_same(const std::string& text, uint64_t seed, double tolerance = 2e-5) {
    gir::Program program = gir::parse_program(text, "test");
    for (const std::string& isa : isas()) {
        const gir::Program spelled =
            gir::rewrite::spell(program, target_of(emit::isa_named(isa), seed));
        Comparison c = compare(spelled, random_inputs(spelled, seed), isa, tolerance);
        for (const std::string& d : c.differences) ADD_FAILURE() << isa << ": " << d;
        if (!c.differences.empty()) return;
    }
}

std::string file_text(const std::string& name) {
    std::ifstream in(std::string(SMEATON_SOURCE_DIR) + "/" + name);
    return {std::istreambuf_iterator<char>(in), {}};
}

TEST(Emitted, bench_kernels_equal_the_interpreter) {
    for (const char* name : {"conv3x3_64_56", "gemm_6x64", "gemm_8x48"}) {
        SCOPED_TRACE(name);
        expect_same(file_text(fmt::format("bench/kernels/{}.gir", name)), 7);
    }
}

TEST(Emitted, softmax_and_add_relu_equal_the_interpreter) {
    expect_same(file_text("tests/gir/softmax.gir"), 3);
    expect_same(file_text("tests/gir/add_relu.gir"), 3);
}

TEST(Emitted, random_programs_equal_the_interpreter) {
    for (uint64_t seed = 1; seed <= 4; ++seed) {
        SCOPED_TRACE(seed);
        expect_same(random_program(seed, 40), seed);
    }
}

// Tiles of one name in blocks of their own: what one phase shares with the next is not another's.
TEST(Emitted, tiles_that_share_a_name_stay_apart) {
    expect_same(R"(program p
  buffer x: memory f32[i: 40, j: 16] input
  buffer y: memory f32[i: 40, j: 16] output
  run k(x -> y)

kernel k(x -> y)
  for i0: 2
    let t: reg f32[i: 13, j: 16 lanes]
    move t[i,j] <- x[i0*13+i,j]
    binary mul t[i,j] <- t[i,j], 2.0
    move y[i0*13+i,j] <- t[i,j]
  let t: reg f32[i: 12, j: 16 lanes]
  move t[i,j] <- x[i+26,j]
  parallel a: 2 core
    let u: reg f32[j: 16 lanes]
    move u[j] <- x[a+38,j]
    move y[a+38,j] <- u[j]
  move y[i+26,j] <- t[i,j]
)",
                5);
}

// Compilers would hold the polynomial's constants in the registers that the contraction needs.
TEST(Emitted, polynomials_behind_a_contraction_are_a_function_of_their_own) {
    const std::string text = R"(program p
  buffer x: memory f32[m: 8, k: 9] input
  buffer w: memory f32[k: 9, n: 16] input
  buffer y: memory f32[m: 8, n: 16] output
  run product(x, w -> y)

kernel product(x, w -> y)
  parallel m0: 2 core
    let acc: reg f32[m: 4, n: 16 lanes]
    fill acc[m,n] <- 0.0
    for k0: 9
      mma acc[m,n] += x[m0*4+m,k0] * w[k0,n]
    let rows: l1 f32[m: 4, n: 16 lanes]
    move rows[m,n] <- acc[m,n]
    for m1: 4
      let t: reg f32[n: 16 lanes]
      unary exp t[n] <- rows[m1,n]
      move y[m0*4+m1,n] <- t[n]
)";
    auto functions_apart = [](const std::string& program) {
        const emit::Isa plain = emit::isa_named("plain");
        const emit::EmittedProgram emitted = emit::emit_program(
            gir::rewrite::spell(gir::parse_program(program, "test"), target_of(plain)),
            {plain, 1, {}});
        return emitted.units.at(0).find("noinline") != std::string::npos;
    };
    expect_same(text, 5);
    EXPECT_TRUE(functions_apart(text));
    std::string relu = text;
    relu.replace(relu.find("unary exp"), 9, "unary relu");
    EXPECT_FALSE(functions_apart(relu));
}

TEST(Emitted, copies_are_passes_of_code_in_one_part) {
    expect_same(R"(program p
  buffer x: memory f32[i: 40, j: 21] input
  buffer y: memory f32[i: 40, j: 21] output
  run k(x -> y)

kernel k(x -> y)
  copy first: l1 f32[j: 21] <- x[0,j]
  parallel i0: 5 core
    for i1: 8
      copy rows: l1 f32[r: 3, j: 21] ring(i1) depth 2 <- x[i0*8+i1+r-1,j] within (0 <= i0*8+i1+r-1 < 40) else 0.5
      reduce add y[i0*8+i1,j] <- rows[r,j]
      binary add y[i0*8+i1,j] <- y[i0*8+i1,j], first[j]
)",
                5);
}

TEST(Emitted, long_sums_are_sums_of_sums) {
    expect_same(R"(program p
  buffer x: memory f32[i: 300, j: 70, c: 24] input
  buffer a: memory f32[c: 24] output
  buffer b: memory f32[j: 70] output
  buffer d: memory f32[] output
  run k(x -> a, b, d)

kernel k(x -> a, b, d)
  parallel c0: 1 core
    let m: reg f32[c: 24 lanes]
    reduce add m[c] <- x[i,j,c] over i: 300, j: 70, c: 24
    move a[c] <- m[c]
  parallel j: 70 core
    let m: reg f32[]
    reduce add m[] <- x[i,j,3] over i: 300
    reduce add m[] += x[i,j,5] over i: 300
    move b[j] <- m[]
  reduce add d[] <- x[i,j,c] over i: 300, j: 70, c: 24
)",
                6, 1.5e-6);
}

TEST(Emitted, moves_between_transposed_layouts_keep_every_element) {
    expect_same(R"(program p
  buffer x: memory f32[a: 3, b: 37, c: 50] input
  buffer y: memory f32[a: 3, c: 50, b: 37] output
  buffer p: memory i32[n: 2, c: 40, h: 9, w: 33] input
  buffer q: memory i32[n: 2, c: 40, h: 9, w: 33] output [n, 1+h+1, 1+w+1, c] border 0
  run turn(x -> y)
  run reorder(p -> q)

kernel turn(x -> y)
  parallel a: 3 core
    move y[a,c,b] <- x[a,b,c] over c: 50, b: 37

kernel reorder(p -> q)
  parallel n: 2, h: 9 core
    move q[n,c,h,w] <- p[n,c,h,w] over c: 40, w: 33
)",
                11);
}

TEST(Emitted, bounds_of_strided_taps_drop_what_is_outside) {
    expect_same(R"(program p
  buffer x: memory f32[c: 20, h: 9, w: 13] input [h, w, c]
  buffer w: memory f32[k: 32, c: 20, r: 3, s: 3] input [r, s, c, k]
  buffer y: memory f32[k: 32, h: 5, w: 7] output [h, w, k]
  run conv(x, w -> y)

kernel conv(x, w -> y)
  parallel oh: 5 core
    let acc: reg f32[ow: 7, k: 32 lanes]
    fill acc[ow,k] <- 0
    for r: 3, s: 3, c0: 10
      mma acc[ow,k] += x[c0*2+c,oh*2+r-1,ow*2+s-1] within (0 <= oh*2+r-1 < 9, 0 <= ow*2+s-1 < 13) else 0.0 * w[k,c0*2+c,r,s] over c: 2
    move y[k,oh,ow] <- acc[ow,k]
)",
                12);
}

// Lanes that lie in line with a step, from the front and from the back: the mask is a stretch.
TEST(Emitted, bounds_along_strided_lanes_drop_what_is_outside) {
    for (const char* at : {"i*2-5", "i*3-7", "i-3", "37-i*2", "70-i"}) {
        SCOPED_TRACE(at);
        expect_same(fmt::format(R"(program p
  buffer x: memory f32[n: 64] input
  buffer y: memory f32[r: 3, i: 40] output
  run taps(x -> y)

kernel taps(x -> y)
  parallel r: 3 core
    move y[r,i] <- x[{0}+r] within (0 <= {0}+r < 64) else 0.5 over i: 40
)",
                                at),
                    13);
    }
}

TEST(Emitted, masks_of_strided_lanes_take_no_loop) {
    const std::string text =
        emit::prelude_for("lanes_within(i, 2, 0LL, 9LL)", emit::isa_named("plain"));
    const size_t from = text.find("lanes_within");
    ASSERT_NE(from, std::string::npos);
    EXPECT_EQ(text.substr(from).find("for ("), std::string::npos) << text;
}

TEST(Emitted, a_failed_check_ends_the_run_with_its_message) {
    std::string text = R"(program p
  buffer x: memory i64[i: 4] input
  buffer y: memory i64[i: 4] output
  run k(x -> y)

kernel k(x -> y)
  parallel i: 4 any
    let ok: local bool[]
    binary lt ok[] <- x[i], -100
    check ok[] "Gather_3: index out of range"
    move y[i] <- x[i]
)";
    gir::Program program = gir::parse_program(text, "test");
    try {
        compare(program, random_inputs(program, 1), isas()[0]);
        FAIL() << "nothing was thrown";
    } catch (const UserError& error) {
        EXPECT_NE(std::string(error.what()).find("Gather_3: index out of range"),
                  std::string::npos);
    }
}

TEST(Emitted, kernels_that_differ_in_names_alone_share_their_code) {
    std::string text = R"(program p
  buffer a: memory f32[i: 64] input
  buffer b: memory f32[i: 64] temp
  buffer c: memory f32[i: 64] output
  run first(a -> b)
  run second(b -> c)

kernel first(a -> b)
  parallel i_1: 4 core
    let t_1: reg f32[v: 16 lanes]
    unary exp t_1[v] <- a[i_1*16+v]
    move b[i_1*16+v] <- t_1[v]

kernel second(b -> c)
  parallel i_2: 4 core
    let t_2: reg f32[v: 16 lanes]
    unary exp t_2[v] <- b[i_2*16+v]
    move c[i_2*16+v] <- t_2[v]
)";
    gir::Program program = gir::parse_program(text, "test");
    const emit::Isa plain = emit::isa_named("plain");
    emit::EmittedProgram out =
        emit::emit_program(gir::rewrite::spell(program, target_of(plain)), {plain, 1, {}});
    EXPECT_EQ(out.kernels[0].phases[0].symbol, out.kernels[1].phases[0].symbol);
    EXPECT_EQ(out.kernels[1].buffers, (std::vector<Name>{"b", "c"}));
}

// Two operators are two roundings, though the compiler may contract inside a contraction.
TEST(Emitted, a_product_and_a_sum_of_two_ops_are_rounded_one_after_the_other) {
    const char* text = R"(program p
  buffer a: dram f32[i: 1024] input
  buffer b: dram f32[i: 1024] input
  buffer y: dram f32[i: 1024] output
  buffer z: dram f64[i: 1024] output
  run k(a, b -> y, z)

kernel k(a, b -> y, z)
  parallel i0: 64 core
    let t: reg f32[v: 16 lanes]
    binary mul t[v] <- a[i0*16+v], b[i0*16+v]
    binary sub t[v] <- t[v], a[i0*16+v]
    move y[i0*16+v] <- t[v]
    let d: reg f64[v: 16 lanes]
    let e: reg f64[v: 16 lanes]
    unary cast d[v] <- a[i0*16+v]
    unary sqrt d[v] <- d[v]
    binary mul e[v] <- d[v], d[v]
    binary add e[v] <- e[v], d[v]
    move z[i0*16+v] <- e[v]
)";
    expect_same(text, 7, 0);
}

TEST(Emitted, branches_are_refused_by_name) {
    gir::Program program = gir::parse_program(file_text("tests/gir/steps.gir"), "steps");
    EXPECT_THROW(emit::emit_program(program, {emit::isa_named("plain"), 1, {}}), UserError);
}

}  // namespace
}  // namespace smeaton::emitted
