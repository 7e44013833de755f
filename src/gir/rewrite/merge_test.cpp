#include "gir/rewrite/merge.h"

#include <gtest/gtest.h>

#include "gir/interp/interp.h"
#include "gir/parse.h"
#include "gir/rewrite/rules.h"

namespace smeaton::gir::rewrite {
namespace {

using tensor::Tensor;

// One kernel makes two factors in turn out of one tile; the next uses both.
constexpr const char* kTwoFactors = R"(program factors
  buffer x: memory f32[c: 3] input
  buffer a: memory f32[c: 3] temp
  buffer b: memory f32[c: 3] temp
  buffer y: memory f32[c: 3] output
  run factors(x -> a, b)
  run use(a, b -> y)

kernel factors(x -> a, b)
  parallel c: 3 any
    let t: local f32[]
    binary add t[] <- x[c], 1.0
    move a[c] <- t[]
    binary mul t[] <- t[], 10.0
    move b[c] <- t[]

kernel use(a, b -> y)
  parallel c: 3 any
    let t: local f32[]
    binary sub t[] <- b[c], a[c]
    move y[c] <- t[]
)";

Tensor result(const Program& program) {
    Tensor x(tensor::DType::kF32, {3});
    for (int64_t i = 0; i < 3; ++i) x.set_from_double(i, static_cast<double>(i));
    return interp::run(program, {{"x", x}}).outputs.at("y");
}

TEST(Merge, a_tile_written_again_after_its_store_does_not_carry_the_value) {
    const Program program = parse_program(kTwoFactors, "factors.gir");
    Rules rules;
    const Program merged = merge_loops(program, rules);
    ASSERT_EQ(merged.steps.size(), 1u);
    const Tensor y = result(merged);
    for (int64_t i = 0; i < 3; ++i)
        EXPECT_EQ(y.at_as_double(i), 9.0 * static_cast<double>(i + 1)) << "element " << i;
    EXPECT_TRUE(tensor::same(y, result(program)));
}

}  // namespace
}  // namespace smeaton::gir::rewrite
