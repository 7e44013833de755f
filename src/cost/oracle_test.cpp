#include "cost/oracle.h"

#include <gtest/gtest.h>

#include "cost/target.h"
#include "gir/common_cpu.h"
#include "gir/rewrite/for_target.h"
#include "gir/rewrite/spell/spell.h"
#include "gir/text/parse.h"
#include "machine/read.h"
#include "machine/verify.h"

namespace smeaton::cost {
namespace {

TEST(Oracle, its_machine_is_whole_with_and_without_a_bound_on_memory) {
    EXPECT_NO_THROW(machine::verify(machine_like(gir::common_cpu()), "like"));
    gir::Target bounded = gir::common_cpu(32, 16, 4);
    bounded.levels.back().capacity = int64_t{1} << 30;
    gir::MmaShape tiles;
    tiles.unit = "amx";
    tiles.a = tiles.b = tensor::DType::kBF16;
    tiles.rows = tiles.columns = 16;
    tiles.group = 32;
    bounded.shapes.push_back(tiles);
    const machine::Machine m = machine_like(bounded);
    EXPECT_NO_THROW(machine::verify(m, "like"));
    EXPECT_EQ(m.units.back().shapes.size(), 1u);
}

TEST(Oracle, an_array_stays_one) {
    const gir::Target target = target_of(machine::read_machine_file("tpu-like"));
    const machine::Machine m = machine_like(target);
    EXPECT_NO_THROW(machine::verify(m, "like"));
    const machine::Unit& array = m.units.back();
    EXPECT_EQ(array.kind, machine::UnitKind::Systolic);
    ASSERT_TRUE(array.rows && array.columns && array.dataflow);
    EXPECT_EQ(array.rows->value, 128);
    EXPECT_EQ(array.columns->value, 128);
    EXPECT_EQ(*array.dataflow, machine::Dataflow::WeightStationary);
    EXPECT_GT(target_of(m).shapes.front().fill_cycles, 0);
}

// y = a * b, one output at a time or as tiles.
TEST(Oracle, tiles_are_cheaper_than_loops_and_more_work_is_dearer) {
    auto product = [](int64_t n) {
        return gir::parse_program(fmt::format(R"(program product
  buffer a: memory f32[m: 64, k: 64] input
  buffer b: memory f32[k: 64, n: {0}] input
  buffer y: memory f32[m: 64, n: {0}] output
  run mul(a, b -> y)

kernel mul(a, b -> y)
  parallel m: 64, n: {0} any
    let t: local f32[]
    fill t[] <- 0.0
    mma t[] += a[m,k] * b[k,n] over k: 64
    move y[m,n] <- t[]
)",
                                              n),
                                  "product.gir");
    };
    const gir::Target target = gir::common_cpu();
    auto price = [&](int64_t n, bool tiled) {
        gir::rewrite::Rules rules;
        if (!tiled) rules.skip = {"tile-contraction", "vectorize"};
        const gir::Program p = gir::rewrite::tiled_for(product(n), target, rules);
        return oracle_on(target)(p, *std::get<gir::RunStep>(p.steps[0].node).kernel, nullptr);
    };
    EXPECT_LT(price(64, true), price(128, true));
    EXPECT_LT(price(128, true), price(64, false));
}

// A sum that goes on waits for what came before it.
TEST(Oracle, a_chain_of_sums_takes_the_pipeline_s_time_for_each) {
    const gir::Target target = target_of(machine::read_machine_file("tpu-like"));
    auto price = [&](int64_t n) {
        const gir::Program p = gir::rewrite::spell(gir::parse_program(fmt::format(R"(program chain
  buffer x: dram f32[c: {0}] input
  buffer y: dram f32[one: 1] output
  run sum(x -> y)

kernel sum(x -> y)
  copy row: vmem f32[c: {0}] <- x[c]
  let m: reg f32[]
  fill m[] <- 0.0
  for c: {0}
    reduce add m[] += row[c]
  move y[0] <- m[]
)",
                                                                                  n),
                                                                      "chain.gir"),
                                                   target);
        return oracle_on(target)(p, *std::get<gir::RunStep>(p.steps[0].node).kernel, nullptr);
    };
    const double cycles = 1024 * target.vector_multiply_add().latency_cycles;
    EXPECT_GE(price(2048) - price(1024), cycles / machine_like(target).clock_ghz.value / 1e3);
}

}  // namespace
}  // namespace smeaton::cost
