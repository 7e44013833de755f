#include "cost/stall.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "cost/kernel_cost.h"
#include "cost/target.h"
#include "gir/rewrite/spell/spell.h"
#include "gir/text/parse.h"
#include "gir/walk.h"
#include "machine/read.h"

namespace smeaton::cost {
namespace {

void set_in_flight(machine::Machine& m, std::optional<machine::Number> instructions) {
    for (machine::Unit& unit : m.units)
        if (unit.kind == machine::UnitKind::Scalar) unit.in_flight = instructions;
}

machine::Machine server() {
    machine::Machine m =
        machine::read_machine_file(std::string(SMEATON_SOURCE_DIR) + "/machines/server-cpu.yaml");
    auto stall = [&](const char* name, double ns) {
        for (machine::Level& level : m.levels)
            if (level.name == name) level.stall_ns = machine::Number(ns);
    };
    stall("l2", 5);
    stall("l3", 70);
    stall("dram", 300);
    set_in_flight(m, machine::Number(512));
    return m;
}

TEST(Stall, each_page_waits_as_its_level_tells) {
    const machine::Machine m = server();
    // 20 pages come into the first cache: 12 from the second, 5 from the third, 3 from memory.
    const Crossing read = {{"l1", 20 * 4096}, {"l2", 8 * 4096}, {"l3", 3 * 4096}};
    EXPECT_EQ(stall_ns(m, {true, {}}, read, 1).value, 12 * 5 + 5 * 70 + 3 * 300);
    EXPECT_EQ(stall_ns(m, {true, {}}, read, 2).value, (12 * 5 + 5 * 70 + 3 * 300) / 2.0);
    // What is brought into the second cache ahead of its turn is waited for from there alone.
    EXPECT_EQ(stall_ns(m, {true, Name("l2")}, read, 1).value, 20 * 5);
    EXPECT_EQ(stall_ns(m, {true, Name("l1")}, read, 1).value, 0);
    EXPECT_EQ(stall_ns(m, {false, {}}, read, 1).value, 0);
}

// Weights of 1 MiB, read once for so many rows.
constexpr const char* kProduct = R"(program p
  buffer x: dram f32[m: ROWS, k: 1024] input
  buffer w: dram f32[k: 1024, n: 256] weight [n/16, k, n%16]
  buffer y: dram f32[m: ROWS, n: 256] output
  run product(x, w -> y)

kernel product(x, w -> y)
  parallel n0: 16 core
    let acc: reg f32[m: ROWS, n: 16 lanes]
    fill acc[m,n] <- 0.0
    for k: 1024
      PREFETCH
      mma acc[m,n] += x[m,k] * w[k,n0*16+n]
    move y[m,n0*16+n] <- acc[m,n]
)";

KernelCost priced(const machine::Machine& m, const char* rows, const char* prefetch) {
    std::string text = kProduct;
    text.replace(text.find("PREFETCH"), 8, prefetch);
    for (size_t at; (at = text.find("ROWS")) != std::string::npos;) text.replace(at, 4, rows);
    const gir::Program program =
        gir::rewrite::spell(gir::parse_program(text, "test.gir"), target_of(m));
    const CostOptions options{1, 0};
    return cost_of(model_kernel(program, *gir::kernels(program).front(), m, options), m, options);
}

TEST(Stall, products_wait_for_what_is_not_brought_ahead) {
    const machine::Machine m = server();
    const KernelCost cold = priced(m, "14", "");
    // 256 pages of w and 14 of x from memory; x again from the second cache, for 15 columns more.
    EXPECT_NEAR(cold.stall_us.value, 270 * 0.3 + 15 * 14 * 0.005, 0.5);
    EXPECT_NEAR(cold.time_us.value,
                std::max(cold.compute_us.value, cold.data_us.value) + cold.stall_us.value +
                    cold.fixed_us.value,
                1e-9);
    const KernelCost ahead = priced(m, "14", "prefetch w at n0*16384+k*16 lines 1 by 16 to l2");
    EXPECT_NEAR(ahead.stall_us.value, 14 * 0.3 + (256 + 15 * 14) * 0.005, 0.5);
    // One row has so little to do that the core is at the next page in time.
    EXPECT_EQ(priced(m, "1", "").stall_us.value, 0);
    // A core that tells of nothing in flight waits for each page; one that holds all for none.
    machine::Machine other = m;
    set_in_flight(other, std::nullopt);
    EXPECT_NEAR(priced(other, "1", "").stall_us.value, 257 * 0.3 + 15 * 0.005, 0.5);
    set_in_flight(other, machine::Number(1 << 20));
    EXPECT_EQ(priced(other, "14", "").stall_us.value, 0);
    machine::Machine without = m;
    for (machine::Level& level : without.levels) level.stall_ns.reset();
    EXPECT_EQ(priced(without, "14", "").stall_us.value, 0);
    EXPECT_LE(cold.time_us.low, priced(without, "14", "").time_us.value);
}

}  // namespace
}  // namespace smeaton::cost
