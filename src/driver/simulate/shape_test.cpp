// A row of the table of contraction shapes is all that a unit needs to be tiled for and charged.
#include <gtest/gtest.h>

#include "cost/kernel_cost.h"
#include "cost/target.h"
#include "gir/interp/interp.h"
#include "gir/rewrite/for_target.h"
#include "gir/text/parse.h"
#include "gir/text/print.h"
#include "gir/verify/verify.h"
#include "gir/walk.h"
#include "machine/read.h"

namespace smeaton::driver {
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

// The row of the table, and nothing else.
const char* const kUnit = R"(  - name: tensor
    kind: matrix
    private_to: core
    shapes:
      - {a: i8, b: i8, acc: i32, rows: 8, columns: 8, group: 4, per_cycle: 1, latency_cycles: 4, acc_in: reg}
)";

Machine without() {
    return machine::parse_machine(kMachine, "small.yaml");
}
Machine with_unit() {
    return machine::parse_machine(std::string(kMachine) + kUnit, "small.yaml");
}

const char* const kProduct = R"(program p
  buffer a: memory i8[m: 100, k: 94] input
  buffer b: memory i8[k: 94, n: 80] input
  buffer y: memory i32[m: 100, n: 80] output
  run mm(a, b -> y)

kernel mm(a, b -> y)
  parallel m: 100 any
    parallel n: 80 any
      let acc: local i32[]
      fill acc[] <- 0
      mma acc[] += a[m,k] * b[k,n] over k: 94
      move y[m,n] <- acc[]
)";

gir::Program tiled(const Machine& m) {
    return gir::rewrite::for_target(gir::parse_program(kProduct, "product"), cost::target_of(m));
}

cost::KernelCost price(const gir::Program& p, const Machine& m) {
    cost::CostOptions one{1, 0};
    return cost::cost_of(cost::model_kernel(p, *gir::kernels(p).front(), m, one), m, one);
}

/// The parts of the contraction that the largest op over the tile takes.
std::map<std::string, int64_t> largest_step(const gir::Program& p) {
    std::map<std::string, int64_t> most;
    int64_t best = 0;
    gir::for_each_op(gir::kernels(p).front()->body, [&](const gir::Op& op) {
        if (op.kind != gir::OpKind::Mma) return;
        int64_t points = 1;
        std::map<std::string, int64_t> extents;
        for (const gir::NamedDim& d : op.dims) {
            points *= d.extent.value();
            extents[d.name.str()] = d.extent.value();
        }
        if (points <= best) return;
        best = points;
        most = extents;
    });
    return most;
}

TEST(Contraction, a_new_row_of_the_table_changes_tiling_and_cost) {
    gir::Program plain = tiled(without()), on_unit = tiled(with_unit());
    EXPECT_NE(gir::print(plain), gir::print(on_unit));
    std::map<std::string, int64_t> step = largest_step(on_unit);
    EXPECT_EQ(step["m"] % 8, 0) << gir::print(on_unit);
    EXPECT_EQ(step["n"] % 8, 0);
    EXPECT_EQ(step["k"] % 4, 0);
    double vector_us = price(plain, without()).compute_us.value;
    double unit_us = price(on_unit, with_unit()).compute_us.value;
    EXPECT_LT(unit_us, vector_us / 4);
    // No less than what the unit can do: 13 x 10 x 24 shapes at 1 GHz.
    EXPECT_GE(unit_us, 13 * 10 * 24 * 1e-3);
    // A slower row of the same form costs more, and only what it is slower by.
    Machine slow = with_unit();
    slow.units.back().shapes[0].per_cycle = machine::Number(0.25);
    EXPECT_GT(price(on_unit, slow).compute_us.value, 2 * unit_us);
}

TEST(Contraction, tiled_for_shapes_means_what_it_meant) {
    gir::Program program = gir::parse_program(kProduct, "product"), other = tiled(with_unit());
    EXPECT_EQ(gir::find_faults(other, {gir::capacities(cost::target_of(with_unit()))}),
              std::vector<std::string>{});
    std::map<Name, tensor::Tensor> inputs;
    for (const gir::Buffer& b : program.buffers) {
        if (b.lifetime != gir::Lifetime::Input) continue;
        tensor::Tensor t(b.dtype, {b.dims[0].extent.value(), b.dims[1].extent.value()});
        for (int64_t i = 0; i < t.elements(); ++i) t.set_from_int(i, i * 37 % 255 - 127);
        inputs[b.name] = t;
    }
    gir::interp::Options options;
    options.levels = cost::levels_of(with_unit());
    gir::interp::Result want = gir::interp::run(program, inputs);
    gir::interp::Result got = gir::interp::run(other, inputs, options);
    const tensor::Tensor &x = want.outputs.at("y"), &y = got.outputs.at("y");
    for (int64_t i = 0; i < x.elements(); ++i) ASSERT_EQ(x.at_as_double(i), y.at_as_double(i)) << i;
}

}  // namespace
}  // namespace smeaton::driver
