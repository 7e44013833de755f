#include "cost/contraction.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "cost/kernel_cost.h"
#include "cost/target.h"
#include "gir/rewrite/spell/spell.h"
#include "gir/text/parse.h"
#include "gir/walk.h"
#include "machine/query.h"
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

/// 20 x 36 x 24 on an array of 8 x 16.
ShapeUse on_array(const char* dataflow, ContractionWork* work = nullptr) {
    Machine m = machine::parse_machine(
        std::string(kMachine) +
            fmt::format("  - name: array\n    kind: systolic\n    private_to: core\n    rows: 8\n"
                        "    columns: 16\n    dataflow: {}\n    rates:\n"
                        "      - {{op: fma, dtype: f32}}\n",
                        dataflow),
        "array.yaml");
    const char* text = R"(program p
  buffer a: dram f32[m: 20, k: 24] input
  buffer b: dram f32[k: 24, n: 36] input
  buffer y: dram f32[m: 20, n: 36] output
  run mm(a, b -> y)

kernel mm(a, b -> y)
  fill y[m,n] <- 0.0 over m: 20, n: 36
  mma y[m,n] += a[m,k] * b[k,n] over m: 20, n: 36, k: 24
)";
    gir::Program p = gir::rewrite::spell(gir::parse_program(text, "test"), target_of(m));
    Nest nest = nest_of(p, *gir::kernels(p).front());
    ContractionWork taken =
        take_contractions(nest, shapes_of(m, *machine::main_vector_unit(m)), 64, {});
    EXPECT_EQ(taken.uses.size(), 1u);
    if (work) *work = taken;
    return taken.uses.at(0);
}

TEST(Contraction, on_an_array_takes_the_tiles_of_what_stays) {
    constexpr double kM = 20, kN = 36, kK = 24, kElement = 4;
    ContractionWork work;
    ShapeUse weights = on_array("weight_stationary", &work);
    EXPECT_EQ(weights.shapes, kM * 3 * 3);  // ceil(24 / 8) x ceil(36 / 16)
    EXPECT_EQ(weights.passes, 1);
    EXPECT_EQ(weights.macs, kM * kN * kK);
    EXPECT_EQ(weights.row.shape.fill_cycles, 22);
    EXPECT_EQ(work.asked_read_bytes["dram"],
              kElement * (kM * kK * 3 + kK * kN + kM * kN * 3));  // a, b, sums
    EXPECT_EQ(work.asked_write_bytes["dram"], kElement * kM * kN * 3);

    ShapeUse sums = on_array("output_stationary", &work);
    EXPECT_EQ(sums.shapes, kK * 3 * 3);  // ceil(20 / 8) x ceil(36 / 16)
    EXPECT_EQ(work.asked_read_bytes["dram"], kElement * (kM * kK * 3 + kK * kN * 3 + kM * kN));

    ShapeUse inputs = on_array("input_stationary", &work);
    EXPECT_EQ(inputs.shapes, kN * 3 * 2);  // ceil(24 / 8) x ceil(20 / 16)
    EXPECT_EQ(work.asked_read_bytes["dram"], kElement * (kM * kK + kK * kN * 2 + kM * kN * 3));
}

}  // namespace
}  // namespace smeaton::cost
