// Energy of a product and of a softmax, by hand.
#include <gtest/gtest.h>

#include <cmath>

#include "cost/target.h"
#include "gir/rewrite/spell/spell.h"
#include "gir/text/parse.h"
#include "machine/read.h"
#include "sim/constants.h"
#include "sim/simulate.h"

namespace smeaton::sim {
namespace {

using machine::Interval;

machine::Machine chip() {
    return machine::read_machine_file(std::string(SMEATON_SOURCE_DIR) +
                                      "/machines/simdit-training-08.yaml");
}

ProgramCost cost_of(const char* text) {
    return simulate(
        gir::rewrite::spell(gir::parse_program(text, "by_hand.gir"), cost::target_of(chip())),
        chip());
}

void expect_close(double got, double by_hand) {
    EXPECT_LE(std::abs(got - by_hand), 1e-12 * std::abs(by_hand)) << got << " " << by_hand;
}

// Figures of machines/simdit-training-08.yaml and the tables of 45 nm.
const Interval kDram{162, 244, 325};
const Interval kAdd = Interval::exact(0.9), kMul = Interval::exact(3.7);
const Interval kLeakage{0.00294, 0.0294, 0.294};

/// 20 pJ at 32 KiB and 100 at 1 MiB for 64 bits, a power law between, 13 % either way.
Interval sram(double bytes) {
    double pj = 20 * std::pow(bytes / 32768, std::log(5) / std::log(32)) / 8;
    return {pj * (1 - 0.13), pj, pj * (1 + 0.13)};
}

const char* const kProduct = R"(program product
  buffer a: dram f32[m: 128, k: 64] input
  buffer b: dram f32[k: 64, n: 64] input
  buffer y: dram f32[m: 128, n: 64] output
  run mm(a, b -> y)

kernel mm(a, b -> y)
  copy at: ibuf f32[m: 128, k: 64] <- a[m,k]
  copy bt: wbuf f32[k: 64, n: 64] <- b[k,n]
  let acc: obuf f32[m: 128, n: 64 lanes]
  fill acc[m,n] <- 0.0
  mma acc[m,n] += at[m,k] * bt[k,n] over k: 64
  move y[m,n] <- acc[m,n]
)";

TEST(Energy, of_a_product_is_the_sum_by_hand) {
    ProgramCost cost = cost_of(kProduct);
    const double a = 128 * 64 * 4, b = 64 * 64 * 4, y = 128 * 64 * 4;
    // One tile of the array: 128 rows stream through, 126 cycles fill and drain; before it a comes,
    // beside b, behind it y goes, 64 bytes in a cycle.
    const double compute_us = (128 + 126) / 1.25 * 1e-3, port_us = a / 80 * 1e-3;
    const double time_us = port_us + compute_us + port_us;
    expect_close(cost.time_us.value, time_us);
    Interval pj = (kMul + kAdd) * (128.0 * 64 * 64);
    pj = pj + sram(512 * 1024) * (a + a);       // ibuf: filled, read
    pj = pj + sram(1 << 20) * (b + b);          // wbuf: filled, read
    pj = pj + sram(1 << 20) * (y + y + y + y);  // obuf: zeros, sums in and out, read
    pj = pj + kDram * (a + b + y);
    pj = pj + kLeakage * Interval{port_us, time_us, time_us} * 1e6;
    ProgramEnergy energy = energy_of(cost);
    ASSERT_TRUE(energy.run_pj);
    expect_close(energy.run_pj->low, pj.low);
    expect_close(energy.run_pj->value, pj.value);
    expect_close(energy.run_pj->high, pj.high);
    expect_close(energy.average_w.value, pj.value / time_us * 1e-6);
    expect_close(energy.peak_w.value, energy.average_w.value);
}

const char* const kSoftmax = R"(program softmax
  buffer x: dram f32[r: 8, c: 64] input
  buffer y: dram f32[r: 8, c: 64] output
  run softmax(x -> y)

kernel softmax(x -> y)
  for r: 8
    let t: vmem f32[c: 64 lanes]
    move t[c] <- x[r,c]
    let m: reg f32[one: 1]
    reduce max m[0] <- t[c] over c: 64
    binary sub t[c] <- t[c], m[0]
    unary exp t[c] <- t[c]
    let s: reg f32[one: 1]
    reduce add s[0] <- t[c] over c: 64
    binary div t[c] <- t[c], s[0]
    move y[r,c] <- t[c]
)";

TEST(Energy, of_a_softmax_is_the_sum_by_hand) {
    ProgramCost cost = cost_of(kSoftmax);
    const double rows = 8, row = 64 * 4;
    // The reductions combine 64 lanes in 6 steps of a shuffle and the function; a maximum that
    // keeps NaN is minmax, compare and select. An instruction is 64 elements.
    const Interval sum{0.1, 0.9, 0.9};
    const Interval minmax = sum, compare = sum, select{0.01, 0.1, 0.1}, shuffle = select;
    const Interval div{3.7 * 5, 3.7 * 7.1, 3.7 * 7.1};
    const Interval exp{4.6, 4.6 * 3, 4.6 * 7.1};
    Interval ops = (minmax + compare + select) * 7 + shuffle * 6  // maximum
                   + kAdd + exp                                   // difference, exponential
                   + kAdd * 7 + shuffle * 6                       // sum
                   + div;
    Interval pj = ops * (64 * rows);
    // vmem: written by the move, sub, exp, div; read by max, sub, exp, sum, div, move.
    pj = pj + sram(1 << 20) * ((4 + 6) * row * rows);
    pj = pj + kDram * (2 * row * rows);
    pj = pj + kLeakage * cost.time_us * 1e6;
    ProgramEnergy energy = energy_of(cost);
    ASSERT_TRUE(energy.run_pj) << testing::PrintToString(energy.missing);
    expect_close(energy.run_pj->low, pj.low);
    expect_close(energy.run_pj->value, pj.value);
    expect_close(energy.run_pj->high, pj.high);
}

TEST(Energy, a_missing_figure_is_named_and_nothing_is_made_up) {
    machine::Machine m = chip();
    m.levels.back().read_energy_pj_per_byte.reset();
    ProgramCost cost = simulate(
        gir::rewrite::spell(gir::parse_program(kProduct, "product.gir"), cost::target_of(m)), m);
    ProgramEnergy energy = energy_of(cost);
    EXPECT_FALSE(energy.run_pj);
    ASSERT_EQ(energy.missing.size(), 1u);
    EXPECT_EQ(energy.missing[0], "level dram: 'read_energy_pj_per_byte'");
    EXPECT_EQ(energy.average_w.value, 0);
}

const char* const kStoredApart = R"(program stored_apart
  buffer x: dram f32[r: 64, c: 64] input
  buffer y: dram f32[c: 64, r: 64] output
  run turn(x -> y)

kernel turn(x -> y)
  for r: 64
    let t: reg f32[c: 64 lanes]
    move t[c] <- x[r,c]
    move y[c,r] <- t[c]
)";

TEST(Energy, what_goes_as_another_class_draws_what_the_unit_states_of_that) {
    auto draws = [](double gather_pj) {
        machine::Machine m = chip();
        for (machine::Unit& unit : m.units)
            for (machine::Rate& rate : unit.rates)
                if (rate.op == machine::OpClass::Gather)
                    rate.energy_pj = machine::Number(Interval::exact(gather_pj), "test");
        return energy_of(simulate(gir::rewrite::spell(
                                      gir::parse_program(kStoredApart, "stored_apart.gir"),
                                      cost::target_of(m)),
                                  m))
            .run_pj.value();
    };
    expect_close(draws(7).value - draws(2).value, (7 - 2) * 64.0 * 64);
}

TEST(Constants, each_is_listed_once_with_its_source_written_out) {
    std::vector<Constant> constants = constants_of(cost_of(kProduct), chip());
    auto find = [&](const std::string& part, const std::string& what) {
        std::vector<Constant> found;
        for (const Constant& c : constants)
            if (c.part == part && c.what == what) found.push_back(c);
        return found;
    };
    ASSERT_EQ(find("level dram", "read energy").size(), 1u);
    EXPECT_EQ(find("level dram", "read energy")[0].value.high, 325);
    EXPECT_NE(find("level dram", "read energy")[0].source.find("Horowitz"), std::string::npos);
    ASSERT_EQ(find("unit array", "fma f32 energy").size(), 1u);
    EXPECT_EQ(find("unit simd", "exp f32 energy").size(), 0u);  // not used
    for (const Constant& c : constants) EXPECT_FALSE(c.source.empty()) << c.part << " " << c.what;
}

}  // namespace
}  // namespace smeaton::sim
