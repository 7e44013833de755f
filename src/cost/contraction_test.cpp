#include "cost/contraction.h"

#include <gtest/gtest.h>

#include "cost/kernel_cost.h"
#include "cost/target.h"
#include "gir/rewrite/spell/spell.h"
#include "gir/text/parse.h"
#include "gir/walk.h"
#include "machine/read.h"

namespace smeaton::cost {
namespace {

using machine::Machine;

const char* const kMachine = R"(name: small
clock_ghz: 1
scopes:
  - {name: core, count: 2}
levels:
  - name: reg
    next: l1
    private_to: core
    managed: software
    capacity: 2048
  - name: l1
    next: dram
    private_to: core
    managed: hardware
    capacity: 32KiB
    line: 64
    read_gb_s: {one: 128}
    write_gb_s: {one: 64}
  - name: dram
    managed: hardware
    capacity: 1GiB
    line: 64
    read_gb_s: {one: 40, all: 60}
    write_gb_s: {one: 20, all: 30}
units:
  - name: vector
    kind: vector
    private_to: core
    vector_bits: 512
    registers: 32
    rates:
      - {op: fma, dtype: f32, per_cycle: 32, latency_cycles: 4}
      - {op: add, dtype: f32, per_cycle: 32}
      - {op: add, dtype: i32, per_cycle: 32}
      - {op: mul, dtype: f32, per_cycle: 32}
      - {op: mul, dtype: i32, per_cycle: 32}
      - {op: logic, dtype: i32, per_cycle: 32}
      - {op: convert, dtype: f32, per_cycle: 32}
)";

const char* const kUnit = R"(  - name: tensor
    kind: matrix
    private_to: core
    shapes:
      - {a: i8, b: i8, acc: i32, rows: 8, columns: 8, group: 4, per_cycle: 1, latency_cycles: 4, acc_in: reg}
)";

Machine with_unit() {
    return machine::parse_machine(std::string(kMachine) + kUnit, "small.yaml");
}

KernelCost price(const char* text) {
    gir::Program p = gir::rewrite::spell(gir::parse_program(text, "test"), target_of(with_unit()));
    CostOptions one{1, 0};
    return cost_of(model_kernel(p, *gir::kernels(p).front(), with_unit(), one), with_unit(), one);
}

TEST(Contraction, waits_for_sums_where_few_are_independent) {
    const char* text = R"(program p
  buffer a: dram i8[m: 8, k: 64] input
  buffer b: dram i8[k: 64, n: 16] input
  buffer y: dram i32[m: 8, n: 16] output
  run mm(a, b -> y)

kernel mm(a, b -> y)
  let acc: reg i32[m: 8, n: 16 lanes]
  fill acc[m,n] <- 0
  mma acc[m,n] += a[m,k] * b[k,n] over k: 64
  move y[m,n] <- acc[m,n]
)";
    // 1 x 2 x 16 shapes; two sums where four would fill the unit.
    EXPECT_NEAR(price(text).compute_us.value, 2 * 2 * 16 * 1e-3, 1e-9);
}

TEST(Contraction, of_other_dtypes_stays_with_the_vector_unit) {
    const char* text = R"(program p
  buffer a: dram f32[m: 8, k: 64] input
  buffer b: dram f32[k: 64, n: 16] input
  buffer y: dram f32[m: 8, n: 16] output
  run mm(a, b -> y)

kernel mm(a, b -> y)
  let acc: reg f32[m: 8, n: 16 lanes]
  fill acc[m,n] <- 0.0
  mma acc[m,n] += a[m,k] * b[k,n] over k: 64
  move y[m,n] <- acc[m,n]
)";
    // 8 x 64 vector multiply-adds, two in a cycle.
    EXPECT_NEAR(price(text).compute_us.value, 8 * 64 / 2 * 1e-3, 1e-9);
}

}  // namespace
}  // namespace smeaton::cost
