#include "gir/contraction.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "gir/text/parse.h"
#include "gir/walk.h"

namespace smeaton::gir {
namespace {

/// The shape of the kernel `parallel <axes> { mma acc[] += <product> over <dims> }`, as text;
/// "none".
std::string shape_of(const std::string& x, const std::string& w, const std::string& y,
                     const std::string& axes, const std::string& product, const std::string& over,
                     const std::string& store, const std::string& dtype = "f32") {
    const Program program = parse_program(
        fmt::format("program p\n  buffer x: dram {7}[{0}] input\n  buffer w: dram {7}[{1}] input\n"
                    "  buffer y: dram f32[{2}] output\n  run f(x, w -> y)\n\nkernel f(x, w -> y)\n"
                    "  parallel {3} any\n    let acc: local f32[]\n    fill acc[] <- 0.0\n"
                    "    mma acc[] += {4} over {5}\n    move y[{6}] <- acc[]\n",
                    x, w, y, axes, product, over, store, dtype),
        "test");
    const auto shape = contraction_of(*kernels(program).front(), program);
    return shape ? str(*shape) : "none";
}

TEST(Contraction, OfAMatrixProduct) {
    EXPECT_EQ(shape_of("a: 8, b: 5", "b: 5, c: 6", "a: 8, c: 6", "m: 8, n: 6", "x[m,k] * w[k,n]",
                       "k: 5", "m,n"),
              "m [m: 8], n [n: 6], k [k: 5]; f32 * f32 -> f32");
    EXPECT_EQ(shape_of("a: 8, b: 5", "b: 5, c: 6", "a: 8, c: 6", "m: 8, n: 6", "x[m,k] * w[k,n]",
                       "k: 5", "m,n", "bf16"),
              "m [m: 8], n [n: 6], k [k: 5]; bf16 * bf16 -> f32");
}

TEST(Contraction, OfProductsOfHeadsThatStandInOneDim) {
    EXPECT_EQ(shape_of("a: 8, b: 12", "a: 9, b: 12", "h: 3, a: 8, c: 9", "h: 3, m: 8, n: 9",
                       "x[m,h*4+k] * w[n,h*4+k]", "k: 4", "h,m,n"),
              "batch [h: 3], m [m: 8], n [n: 9], k [k: 4]; f32 * f32 -> f32");
}

TEST(Contraction, OfAConvolutionWithStrideDilationAndPadding) {
    EXPECT_EQ(shape_of("c: 4, h: 9, w: 9", "k: 6, c: 4, r: 3, s: 2", "k: 6, h: 4, w: 6",
                       "k: 6, oh: 4, ow: 6",
                       "x[c,oh*2+r-1,ow+s*3] within (0 <= oh*2+r-1, oh*2+r-1 < 9) else 0.0 * "
                       "w[k,c,r,s]",
                       "c: 4, r: 3, s: 2", "k,oh,ow"),
              "m [oh: 4, ow: 6], n [k: 6], k [c: 4], taps [r: 3 of oh step 2 before 1, s: 2 of ow "
              "apart 3]; f32 * f32 -> f32");
}

TEST(Contraction, OfAGroupedAndADepthwiseConvolution) {
    EXPECT_EQ(shape_of("c: 8, w: 9", "k: 6, c: 4, s: 3", "k: 6, w: 7", "g: 2, k: 3, ow: 7",
                       "x[g*4+c,ow+s] * w[g*3+k,c,s]", "c: 4, s: 3", "g*3+k,ow"),
              "batch [g: 2], m [ow: 7], n [k: 3], k [c: 4], taps [s: 3 of ow]; f32 * f32 -> f32");
    EXPECT_EQ(shape_of("c: 8, w: 9", "c: 8, s: 3", "c: 8, w: 7", "g: 8, ow: 7",
                       "x[g,ow+s] * w[g,s]", "s: 3", "g,ow"),
              "batch [g: 8], m [ow: 7], taps [s: 3 of ow]; f32 * f32 -> f32");
}

TEST(Contraction, TheOperandThatSlidesIsTheDataWhereverItStands) {
    EXPECT_EQ(shape_of("k: 6, c: 4, s: 3", "c: 4, w: 9", "k: 6, w: 7", "k: 6, ow: 7",
                       "x[k,c,s] * w[c,ow+s]", "c: 4, s: 3", "k,ow"),
              "m [ow: 7], n [k: 6], k [c: 4], taps [s: 3 of ow]; f32 * f32 -> f32");
}

TEST(Contraction, AnythingElseIsNone) {
    // An axis that neither operand has; a dim that one operand lacks; an open size; a kernel
    // without a product.
    EXPECT_EQ(shape_of("a: 8, b: 5", "b: 5, c: 6", "a: 8, c: 6, d: 2", "m: 8, n: 6, z: 2",
                       "x[m,k] * w[k,n]", "k: 5", "m,n,z"),
              "none");
    EXPECT_EQ(shape_of("a: 8, b: 5", "b: 5, c: 6", "a: 8, c: 6", "m: 8, n: 6", "x[m,k] * w[0,n]",
                       "k: 5", "m,n"),
              "none");
    const Program copy = parse_program(
        "program p\n  buffer x: dram f32[a: 8] input\n  buffer y: dram f32[a: 8] output\n"
        "  run f(x -> y)\n\nkernel f(x -> y)\n  parallel i: 8 any\n    move y[i] <- x[i]\n",
        "test");
    EXPECT_FALSE(contraction_of(*kernels(copy).front(), copy));
}

}  // namespace
}  // namespace smeaton::gir
