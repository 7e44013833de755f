#include "gir/bind.h"

#include <gtest/gtest.h>

#include <string>

#include "gir/text/parse.h"
#include "gir/text/print.h"

namespace smeaton::gir {
namespace {

const std::string kOpen = R"(program halves
  param N
  param K = 3
  buffer x: memory f32[n: N, k: K] input
  buffer y: memory f32[n: N, k: K] output
  buffer i: memory i64[] temp
  run halve(x -> y)
  repeat i trips N
    run halve(x -> y)

kernel halve(x -> y)
  parallel n0: floor((N + 3)/4) any
    let t: local f32[n: 4, k: K]
    move t[n,k] <- x[n0*4+n,k] within (n0*4+n < N) else 0.0
    for j: 9 from K to N
      binary mul y[n0*4+n,j] within (n0*4+n < N) <- t[n,j], 0.5
)";

std::string bound(const Bindings& bindings) {
    return print(bind(parse_program(kOpen, "test"), bindings));
}

TEST(Bind, puts_numbers_everywhere) {
    EXPECT_EQ(bound({{Name("N"), 6}}), R"(program halves
  buffer x: memory f32[n: 6, k: 3] input
  buffer y: memory f32[n: 6, k: 3] output
  buffer i: memory i64[] temp
  run halve(x -> y)
  repeat i trips 6
    run halve(x -> y)

kernel halve(x -> y)
  parallel n0: 2 any
    let t: local f32[n: 4, k: 3]
    move t[n,k] <- x[n0*4+n,k] within (n0*4+n < 6) else 0.0
    for j: 9 from 3 to 6
      binary mul y[n0*4+n,j] within (n0*4+n < 6) <- t[n,j], 0.5
)");
}

TEST(Bind, leaves_parameters_without_a_number) {
    const std::string text = bound({});
    EXPECT_NE(text.find("  param N\n"), std::string::npos);
    EXPECT_EQ(text.find("param K"), std::string::npos);
    EXPECT_NE(text.find("x: memory f32[n: N, k: 3] input"), std::string::npos);
}

TEST(Bind, takes_the_number_given_before_that_of_the_text) {
    EXPECT_NE(bound({{Name("K"), 5}}).find("x: memory f32[n: N, k: 5] input"), std::string::npos);
}

}  // namespace
}  // namespace smeaton::gir
