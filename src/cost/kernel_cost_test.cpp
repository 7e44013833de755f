#include "cost/kernel_cost.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "cost/target.h"
#include "gir/ledger/ledger.h"
#include "gir/rewrite/spell/spell.h"
#include "gir/text/parse.h"
#include "gir/walk.h"
#include "machine/query.h"
#include "machine/read.h"

namespace smeaton::cost {
namespace {

using machine::Machine;
using machine::OpClass;
using tensor::DType;

// Four cores at 1 GHz, 8 lanes; every figure is easy to work with by hand.
const char* const kMachine = R"(name: hand
clock_ghz: 1
scopes:
  - {name: core, count: 4}
levels:
  - name: reg
    next: l1
    private_to: core
    managed: software
    capacity: 512
  - name: l1
    next: dram
    private_to: core
    managed: hardware
    capacity: 32KiB
    line: 64
    read_gb_s: {one: 64}
    write_gb_s: {one: 32}
    latency_ns: 2
  - name: dram
    managed: hardware
    capacity: 1GiB
    line: 64
    read_gb_s: {one: {value: 8, low: 6.4, high: 10}, all: 16}
    write_gb_s: {one: 4, all: 8}
    latency_ns: 100
units:
  - name: scalar
    kind: scalar
    private_to: core
    rates:
      - {op: add, dtype: i64, per_cycle: 4}
  - name: vector
    kind: vector
    private_to: core
    vector_bits: 256
    registers: 16
    rates:
      - {op: fma, dtype: f32, per_cycle: 16, latency_cycles: 4}
      - {op: add, dtype: f32, per_cycle: 8}
      - {op: add, dtype: i32, per_cycle: 8}
      - {op: mul, dtype: f32, per_cycle: 8}
      - {op: minmax, dtype: f32, per_cycle: 8}
      - {op: compare, dtype: f32, per_cycle: 8}
      - {op: select, dtype: f32, per_cycle: 8}
      - {op: logic, dtype: i32, per_cycle: 8}
      - {op: convert, dtype: f32, per_cycle: 8}
      - {op: shuffle, dtype: f32, per_cycle: 8}
      - {op: div, dtype: f32, per_cycle: 2}
      - {op: sqrt, dtype: f32, per_cycle: 2}
      - {op: gather, dtype: f32, per_cycle: 1}
handoff:
  spin_ns: 50
)";

Machine hand() {
    return machine::parse_machine(kMachine, "hand.yaml");
}

gir::Program spelled(const std::string& text, const Machine& m) {
    return gir::rewrite::spell(gir::parse_program(text, "test.gir"), target_of(m));
}

KernelCost cost(const std::string& text, const Machine& m, int threads,
                const Warm& warm = nullptr) {
    gir::Program program = spelled(text, m);
    CostOptions options{threads, 0};
    return cost_of(model_kernel(program, *gir::kernels(program).front(), m, options), m, options,
                   warm);
}

const LevelCost& level(const KernelCost& cost, const char* name) {
    for (const LevelCost& l : cost.levels)
        if (l.name == name) return l;
    throw InternalError("no level");
}

// 200704 elements: 802816 bytes each of a, b, y.
const char* const kAddRelu = R"(program p
  buffer a: dram f32[i: 200704] input
  buffer b: dram f32[i: 200704] input
  buffer y: dram f32[i: 200704] output
  run add_relu(a, b -> y)

kernel add_relu(a, b -> y) from Add_7, Relu_8
  parallel i: 3136 core
    let t: reg f32[v: 64 lanes]
    binary add t[v] <- a[i*64+v], b[i*64+v]
    unary relu t[v] <- t[v]
    move y[i*64+v] <- t[v]
)";

TEST(KernelCost, of_an_elementwise_kernel_is_its_memory_traffic) {
    KernelCost c = cost(kAddRelu, hand(), 1);
    EXPECT_EQ(c.bound, "dram");
    EXPECT_EQ(c.ops, (std::vector<std::string>{"Add_7", "Relu_8"}));
    EXPECT_EQ(c.threads, 1);
    EXPECT_EQ(level(c, "dram").read_bytes, 2 * 802816);
    EXPECT_EQ(level(c, "dram").write_bytes, 802816);
    // Reads at 8 GB/s and writes at 4 run side by side: 200.704 us each; and one latency of 0.1.
    EXPECT_NEAR(level(c, "dram").time_us.value, 200.704, 1e-9);
    EXPECT_NEAR(c.time_us.value, 200.804, 1e-9);
    EXPECT_NEAR(c.fixed_us.value, 0.1, 1e-12);
    // 25088 vectors; add 1 ns, relu 1 ns each.
    EXPECT_NEAR(c.compute_us.value, 50.176, 1e-9);
    EXPECT_EQ(c.flops, 2 * 200704);
    // The first level: two loads and one store per vector, 32 bytes wide.
    EXPECT_EQ(level(c, "l1").read_bytes, 2 * 25088 * 32);
    EXPECT_NEAR(level(c, "l1").time_us.value, 25.088, 1e-9);
}

TEST(KernelCost, of_a_fused_kernel_moves_what_the_ledger_says) {
    gir::Program program = spelled(kAddRelu, hand());
    gir::Traffic traffic =
        gir::traffic_at(gir::ledger(*gir::kernels(program).front(), program, levels_of(hand())));
    KernelCost c = cost(kAddRelu, hand(), 1);
    EXPECT_EQ(level(c, "dram").read_bytes, static_cast<double>(traffic.at("dram").read_bytes));
    EXPECT_EQ(level(c, "dram").write_bytes, static_cast<double>(traffic.at("dram").write_bytes));
}

TEST(KernelCost, carries_the_intervals_of_the_machine) {
    KernelCost c = cost(kAddRelu, hand(), 1);
    // Reads at 6.4 GB/s take 250.88 us; at 10 GB/s the writes bound.
    EXPECT_NEAR(level(c, "dram").time_us.high, 250.88, 1e-9);
    EXPECT_NEAR(level(c, "dram").time_us.low, 200.704, 1e-9);
}

TEST(KernelCost, each_byte_is_charged_at_the_level_that_serves_it) {
    // Everything but b is held in the cache: a and y are served there, b comes from memory.
    Warm all_but_b = [](const std::string&, const Array& array) {
        return array.name == Name("b") ? 0.0 : 1.0;
    };
    KernelCost c = cost(kAddRelu, hand(), 1, all_but_b);
    // b at 8 GB/s: 100.352 us. a at 64 GB/s: 12.544, beside y at 32 GB/s: 25.088.
    EXPECT_NEAR(c.data_us.value, 100.352 + 25.088, 1e-9);
    EXPECT_EQ(c.bound, "dram");
    EXPECT_NEAR(c.time_us.value, c.data_us.value + 0.1, 1e-9);
    // At best all overlaps, at worst nothing.
    EXPECT_NEAR(c.time_us.low, 80.2816 + 0.1, 1e-9);
    EXPECT_NEAR(c.time_us.high, 50.176 + 125.44 + 25.088 + 0.1, 1e-9);
}

TEST(KernelCost, several_cores_share_memory_and_pay_the_hand_off) {
    KernelCost c = cost(kAddRelu, hand(), 4);
    EXPECT_EQ(c.threads, 4);
    // 16 GB/s reads, 8 GB/s writes for all four.
    EXPECT_NEAR(level(c, "dram").time_us.value, 100.352, 1e-9);
    EXPECT_NEAR(c.compute_us.value, 50.176 / 4, 1e-9);
    EXPECT_NEAR(c.fixed_us.value, 0.1 + 0.1, 1e-12);
}

TEST(KernelCost, of_uneven_shares_is_that_of_the_busiest_core) {
    std::string text = kAddRelu;
    text.replace(text.find("parallel i: 3136"), 16, "parallel i: 5   ");
    // Five iterations on four cores: one core has two. 2 x 8 vectors of two instructions at 1 ns.
    EXPECT_NEAR(cost(text, hand(), 4).compute_us.value, 2 * 8 * 2 * 1e-3, 1e-12);
    EXPECT_EQ(cost(text, hand(), 0).threads, 4);
    text.replace(text.find("parallel i: 5"), 13, "parallel i: 2");
    EXPECT_EQ(cost(text, hand(), 4).threads, 2);
}

TEST(KernelCost, what_a_cache_holds_already_is_not_fetched) {
    Warm half = [](const std::string& cache, const Array& array) {
        EXPECT_EQ(cache, "l1");
        return array.name == Name("a") ? 1.0 : array.name == Name("b") ? 0.5 : 0.0;
    };
    KernelCost c = cost(kAddRelu, hand(), 1, half);
    EXPECT_EQ(level(c, "dram").read_bytes, 802816 / 2);
    EXPECT_EQ(level(c, "dram").write_bytes, 802816);
}

// 6 x 16 accumulator: 12 vectors, more than the 8 in flight.
const char* const kMatmul = R"(program p
  buffer a: dram f32[m: 6, k: 64] input
  buffer b: dram f32[k: 64, n: 16] input
  buffer y: dram f32[m: 6, n: 16] output
  run mm(a, b -> y)

kernel mm(a, b -> y)
  let acc: reg f32[m: 6, n: 16 lanes]
  fill acc[m,n] <- 0.0
  for k: 64
    mma acc[m,n] += a[m,k] * b[k,n]
  move y[m,n] <- acc[m,n]
)";

TEST(KernelCost, of_a_contraction_counts_its_vectors_loads_and_turns) {
    gir::Program program = spelled(kMatmul, hand());
    KernelModel model = model_kernel(program, *gir::kernels(program).front(), hand());
    const auto& instructions = model.busiest.vector_instructions;
    EXPECT_EQ(instructions.at({OpClass::FmaLoad, DType::kF32}), 64 * 12);
    // Each step loads two vectors of b and six elements of a, once each.
    EXPECT_EQ(model.busiest.loads, 64 * 8);
    EXPECT_EQ(model.busiest.stores, 12);
    EXPECT_EQ(model.busiest.loop_turns, 64);
    EXPECT_EQ(model.busiest.fma_stall, 0);
    EXPECT_EQ(model.flops, 2 * 6 * 16 * 64);
    // 768 fma of 8 elements at 16 per ns: 384 ns; issued are 768 + 512 + 12 + 3 x 64 at 4 per ns:
    // 371.
    EXPECT_NEAR(cost(kMatmul, hand(), 1).compute_us.value, 0.384, 1e-12);
}

TEST(KernelCost, an_access_that_may_lie_outside_is_tested_each_time) {
    std::string text = kMatmul;
    const std::string plain = "a[m,k] * b",
                      bounded = "a[m,k-1] within (0 <= k-1 < 63) else 0.0 * b";
    text.replace(text.find(plain), plain.size(), bounded);
    gir::Program program = spelled(text, hand());
    KernelModel model = model_kernel(program, *gir::kernels(program).front(), hand());
    EXPECT_EQ(model.busiest.tests, 64 * 6);
    // To what is issued without bounds come three instructions for each of them.
    EXPECT_NEAR(cost(text, hand(), 1).compute_us.value,
                (768 + 512 + 12 + 3 * 64 + 3 * 384) / 4 * 1e-3, 1e-12);
}

TEST(KernelCost, too_few_accumulators_wait_for_each_other) {
    std::string text = kMatmul;
    for (size_t at; (at = text.find("m: 6")) != std::string::npos;) text.replace(at, 4, "m: 1");
    gir::Program program = spelled(text, hand());
    KernelModel model = model_kernel(program, *gir::kernels(program).front(), hand());
    // Two vectors where eight fill the unit: 64 x 2 instructions take four times as long.
    EXPECT_EQ(model.busiest.fma_stall, 64 * 2 * 3);
    EXPECT_NEAR(cost(text, hand(), 1).compute_us.value, 64 * 2 * 4 * 0.5e-3, 1e-12);
}

TEST(KernelCost, a_partial_vector_costs_a_whole_one) {
    std::string text = kMatmul;
    for (size_t at; (at = text.find("n: 16")) != std::string::npos;) text.replace(at, 5, "n: 9");
    gir::Program program = spelled(text, hand());
    KernelModel model = model_kernel(program, *gir::kernels(program).front(), hand());
    EXPECT_EQ(model.busiest.vector_instructions.at({OpClass::FmaLoad, DType::kF32}), 64 * 12);
}

TEST(KernelCost, of_special_functions_is_that_of_their_instructions) {
    std::string text = kAddRelu;
    text.replace(text.find("unary relu"), 10, "unary exp ");
    KernelCost plain = cost(kAddRelu, hand(), 1), exp = cost(text, hand(), 1);
    // relu is 1 ns a vector. exp: 2 minmax, 2 mul, 1 convert, 1 add, 2 compare, 2 select at 1 ns, 8
    // fma at 0.5; scale, which the unit lacks, is 1 convert, 3 logic, 3 add, 2 mul: 9 ns.
    EXPECT_NEAR(exp.compute_us.value - plain.compute_us.value, 25.088 * (10 + 4 + 9 - 1), 1e-6);
}

TEST(KernelCost, elements_out_of_line_are_gathered) {
    gir::Program program = spelled(R"(program p
  buffer x: dram f32[r: 64, c: 32] input
  buffer y: dram f32[c: 32, r: 64] output
  run t(x -> y)

kernel t(x -> y)
  parallel c: 32 core
    move y[c,r] <- x[r,c] over r: 64
)",
                                   hand());
    KernelModel model = model_kernel(program, *gir::kernels(program).front(), hand(), {1, 0});
    EXPECT_EQ(model.busiest.gathered, 64 * 32);
    EXPECT_EQ(model.busiest.stores, 32 * 8);
}

/// The same, which tells what a line's end costs.
Machine told() {
    Machine m = hand();
    for (machine::Level& level : m.levels)
        if (level.name == "l1") level.split = machine::Number(2);
    return m;
}

std::string turned(int rows) {
    return fmt::format(R"(program p
  buffer x: dram f32[r: {0}, c: 32] input
  buffer y: dram f32[c: 32, r: {0}] output
  run t(x -> y)

kernel t(x -> y)
  parallel c: 32 core
    move y[c,r] <- x[r,c] over r: {0}
)",
                       rows);
}

// As the core issues nothing else while it gathers, what there is to issue comes on top.
TEST(KernelCost, a_partial_vector_is_gathered_like_a_whole_one) {
    const std::string text = turned(13);
    gir::Program program = spelled(text, told());
    KernelModel model = model_kernel(program, *gir::kernels(program).front(), told(), {1, 0});
    EXPECT_EQ(model.busiest.gathered, 32 * 2 * 8);
    EXPECT_EQ(
        model_kernel(program, *gir::kernels(program).front(), hand(), {1, 0}).busiest.gathered,
        32 * 13);
    const double issued = model.busiest.stores + 3 * model.busiest.loop_turns;
    EXPECT_EQ(model.busiest.stores, 32 * 2);
    EXPECT_NEAR(cost(text, told(), 1).compute_us.value, (32 * 2 * 8 + issued / 4) * 1e-3, 1e-12);
}

// What is not spelled gathered: each element at the rate of inserting it, and an instruction.
TEST(KernelCost, elements_apart_that_nothing_gathers_are_inserted) {
    Machine m = told();
    for (machine::Unit& unit : m.units) {
        if (unit.kind != machine::UnitKind::Vector) continue;
        machine::Rate& rate = unit.rates.emplace_back();
        rate.op = machine::OpClass::Insert;
        rate.per_cycle = machine::Number(0.75);
    }
    gir::Program program = spelled(turned(8 + 4), m);
    KernelModel model = model_kernel(program, *gir::kernels(program).front(), m, {1, 0});
    EXPECT_EQ(model.busiest.gathered, 32 * 8);
    EXPECT_EQ(model.busiest.inserted, 32 * 4);
    const double issued =
        model.busiest.stores + model.busiest.inserted + 3 * model.busiest.loop_turns;
    EXPECT_NEAR(cost(turned(8 + 4), m, 1).compute_us.value,
                std::max(32 * 8 + 32 * 4 / 0.75, 32 * 8 + issued / 4) * 1e-3, 1e-12);
}

// Of lanes few elements apart: a load of each part of what lies between them, and shuffles.
TEST(KernelCost, strided_lanes_are_picked_from_whole_vectors) {
    const gir::Program program = gir::parse_program(R"(program p
  buffer x: dram f32[r: 120] input
  buffer y: dram f32[r: 40] output
  run t(x -> y)

kernel t(x -> y)
  move y[r] <- x[r*3] over r: 40 spelled lanes r by 16 strided x by 3
)",
                                                    "test.gir");
    for (const Machine& m : {hand(), told()}) {
        const Work work = model_kernel(program, *gir::kernels(program).front(), m, {1, 0}).busiest;
        const double split_vectors = m.levels[1].split ? 2 * 3 * 60.0 / 64 : 0;
        EXPECT_EQ(work.loads, 2 * 3);
        EXPECT_EQ(work.split_loads, split_vectors);
        EXPECT_EQ(work.inserted, 8);
        EXPECT_EQ(work.gathered, 0);
        EXPECT_EQ((work.vector_instructions.at({OpClass::Shuffle, DType::kF32})), 2 * 2);
    }
}

TEST(KernelCost, lanes_within_their_bounds_take_a_mask_each_time) {
    const std::string text = R"(program p
  buffer x: dram f32[c: 32, r: 64] input
  buffer y: dram f32[c: 32, r: 64] output
  run t(x -> y)

kernel t(x -> y)
  parallel c: 32 core
    move y[c,r] <- x[c,r-1] within (0 <= r-1 < 64) else 0.0 over r: 64
)";
    gir::Program program = spelled(text, told());
    KernelModel model = model_kernel(program, *gir::kernels(program).front(), told(), {1, 0});
    EXPECT_EQ(model.busiest.masks, 32 * 8);
    EXPECT_EQ(model_kernel(program, *gir::kernels(program).front(), hand(), {1, 0}).busiest.masks,
              0);
    EXPECT_EQ(model.busiest.tests, 0);
    const double others = 2 * 32 * 8 + 3 * model.busiest.loop_turns;
    EXPECT_NEAR(cost(text, told(), 1).compute_us.value, (others + 20 * 32 * 8) / 4 * 1e-3, 1e-12);
}

TEST(KernelCost, reads_and_writes_on_one_bus_go_at_the_copy_rate) {
    machine::Level level;
    level.read = machine::Bandwidth{machine::Number(10), std::nullopt};
    level.write = machine::Bandwidth{machine::Number(5), std::nullopt};
    EXPECT_NEAR(transfer_us(level, 1000, 1000, 1).value, 0.2, 1e-12);
    level.copy = machine::Bandwidth{machine::Number(8), std::nullopt};
    EXPECT_NEAR(transfer_us(level, 1000, 1000, 1).value, 0.25, 1e-12);
    EXPECT_NEAR(transfer_us(level, 3000, 1000, 1).value, 0.25 + 0.2, 1e-12);
    EXPECT_NEAR(transfer_us(level, 1000, 3000, 1).value, 0.25 + 0.4, 1e-12);
    EXPECT_EQ(transfer_us(level, 0, 0, 1).value, 0);
}

TEST(KernelCost, a_systolic_array_streams_rows_through_tiles) {
    Machine m = machine::read_machine_file(std::string(SMEATON_SOURCE_DIR) +
                                           "/machines/systolic-chip.yaml");
    KernelCost c = cost(R"(program p
  buffer a: dram f32[m: 100, k: 64] input
  buffer b: dram f32[k: 64, n: 96] input
  buffer y: dram f32[m: 100, n: 96] output
  run mm(a, b -> y)

kernel mm(a, b -> y)
  copy x: ibuf f32[m: 100, k: 64] <- a[m,k]
  copy w: wbuf f32[k: 64, n: 96] <- b[k,n]
  let acc: obuf f32[m: 100, n: 96]
  fill acc[m,n] <- 0.0
  mma acc[m,n] += x[m,k] * w[k,n]
  move y[m,n] <- acc[m,n]
)",
                        m, 1);
    // 2 x 3 tiles of 100 rows, and 62 cycles to fill and drain, at 0.8 ns.
    EXPECT_NEAR(c.compute_us.value, (600 + 62) * 0.8e-3, 1e-9);
    EXPECT_EQ(level(c, "dram").read_bytes, (100 * 64 + 64 * 96) * 4);
    EXPECT_EQ(level(c, "dram").write_bytes, 100 * 96 * 4);
    EXPECT_EQ(level(c, "wbuf").write_bytes, 64 * 96 * 4);
    // Three tiles of columns: each row streams three times; two of rows: sums pass twice.
    EXPECT_EQ(level(c, "ibuf").read_bytes, 3 * 100 * 64 * 4);
    EXPECT_EQ(level(c, "ibuf").write_bytes, 100 * 64 * 4);
    EXPECT_EQ(level(c, "wbuf").read_bytes, 64 * 96 * 4);
    EXPECT_EQ(level(c, "obuf").read_bytes, (2 + 1) * 100 * 96 * 4);   // and the move out
    EXPECT_EQ(level(c, "obuf").write_bytes, (2 + 1) * 100 * 96 * 4);  // and the fill
}

TEST(KernelCost, copies_in_one_part_are_waited_for_and_those_in_two_are_filled_meanwhile) {
    Machine m = machine::read_machine_file(std::string(SMEATON_SOURCE_DIR) +
                                           "/machines/systolic-chip.yaml");
    auto with = [&](const std::string& depth) {
        return cost(R"(program p
  buffer a: dram f32[m: 512, k: 128] input
  buffer b: dram f32[k: 128, n: 96] input
  buffer y: dram f32[m: 512, n: 96] output
  run mm(a, b -> y)

kernel mm(a, b -> y)
  copy x: ibuf f32[m: 512, k: 128] <- a[m,k]
  let acc: obuf f32[m: 512, n: 96]
  fill acc[m,n] <- 0.0
  for k0: 4
    copy w: wbuf f32[k: 32, n: 96] )" +
                        depth + R"(<- b[k0*32+k,n]
    mma acc[m,n] += x[m,k0*32+k] * w[k,n]
  move y[m,n] <- acc[m,n]
)",
                    m, 1);
    };
    KernelCost one = with(""), two = with("depth 2 ");
    // In ns: x comes beside the first w, of two parts beside both, and is there last; seen 100
    // behind its last byte; a step of the array is 3 tiles of columns x 512 rows, filled and
    // drained, seen by others 1.6 later.
    const double x = 512 * 128 * 4 / 51.2, w = 32 * 96 * 4 / 51.2, dram = 100, sram = 1.6;
    const double step = (3 * 512 + 62) * 0.8, store = sram + 512 * 96 * 4 / 51.2 + sram;
    EXPECT_NEAR(one.time_us.value * 1e3,
                x + (w + dram + step) + 3 * (sram + w + dram + step) + store, 1e-6);
    EXPECT_NEAR(two.time_us.value * 1e3, x + 2 * w + dram + 4 * step + store, 1e-6);
    EXPECT_EQ(one.data_us.value, two.data_us.value);
    EXPECT_LE(two.time_us.low, two.time_us.value);
    EXPECT_GE(one.time_us.high, one.time_us.value);
    // The pins work the longest; nothing hides the steps of the array from them.
    const Pipeline& p = *one.pipeline;
    EXPECT_EQ(p.station, "transfers of dram");
    EXPECT_NEAR(p.busy_ns, x + 4 * w + 512 * 96 * 4 / 51.2, 1e-6);
    EXPECT_NEAR(p.idle_ns, 4 * (dram + step + sram), 1e-6);
    EXPECT_NEAR(p.after_ns, sram, 1e-6);
    EXPECT_NEAR(p.before_ns + p.busy_ns + p.idle_ns + p.after_ns, p.time_ns, 1e-6);
}

TEST(KernelCost, many_turns_of_a_loop_are_some_and_their_period) {
    Machine m = machine::read_machine_file(std::string(SMEATON_SOURCE_DIR) +
                                           "/machines/systolic-chip.yaml");
    auto time_ns = [&](int turns, const std::string& depth) {
        const std::string n = std::to_string(turns);
        return cost("program p\n  buffer a: dram f32[t: " + n +
                        ", m: 64, k: 32] input\n  buffer b: dram f32[k: 32, n: 32] input\n" +
                        "  buffer y: dram f32[t: " + n +
                        ", m: 64, n: 32] output\n  run mm(a, b -> y)\n\n" +
                        "kernel mm(a, b -> y)\n  copy w: wbuf f32[k: 32, n: 32] <- b[k,n]\n  for "
                        "t: " +
                        n + "\n    copy x: ibuf f32[m: 64, k: 32] " + depth + R"(<- a[t,m,k]
    let acc: obuf f32[m: 64, n: 32]
    fill acc[m,n] <- 0.0
    mma acc[m,n] += x[m,k] * w[k,n]
    move y[t,m,n] <- acc[m,n]
)",
                    m, 1)
            .pipeline->time_ns;
    };
    // A turn: x comes, beside the sums of the turn before, which take half of the pins; then the
    // array works. In two parts x comes while the array works, and the pins are all that counts.
    const double tile = 64 * 32 * 4 / 51.2;
    const double turn = 2 * tile + 100 + (64 + 62) * 0.8 + 1.6;
    EXPECT_NEAR(time_ns(1000, "") - time_ns(900, ""), 100 * turn, turn);
    EXPECT_NEAR(time_ns(1000, "depth 2 ") - time_ns(900, "depth 2 "), 100 * 2 * tile, 100 * tile);
}

TEST(KernelCost, a_machine_without_a_needed_rate_is_named) {
    std::string yaml = kMachine;
    size_t at = yaml.find("      - {op: div");
    yaml.erase(at, yaml.find('\n', at) + 1 - at);
    std::string text = kAddRelu;
    text.replace(text.find("binary add"), 10, "binary div");
    try {
        cost(text, machine::parse_machine(yaml, "hand.yaml"), 1);
        FAIL();
    } catch (const UserError& error) {
        EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("machine hand"),
                                                 testing::HasSubstr("div f32")));
    }
    EXPECT_THROW(cost(kAddRelu, hand(), 5), UserError);
}

std::vector<gir::ScalarFn> all_functions() {
#define X(name, arity, cls, ulp) gir::ScalarFn::name,
    return {SMEATON_SCALARS(X)};
#undef X
}

TEST(ScalarCost, every_function_has_a_row_for_floats_and_integers) {
    for (gir::ScalarFn fn : all_functions())
        for (DType t : {DType::kF32, DType::kF64, DType::kF16, DType::kI64, DType::kBool})
            EXPECT_EQ(instructions(fn, t).empty(), fn == gir::ScalarFn::copy) << gir::name(fn);
}

TEST(ScalarCost, on_the_shipped_machines_every_instruction_has_a_rate) {
    for (const char* name : {"edge-cpu", "server-cpu", "systolic-chip"}) {
        Machine m = machine::read_machine_file(std::string(SMEATON_SOURCE_DIR) + "/machines/" +
                                               name + ".yaml");
        for (const machine::Unit& unit : m.units) {
            if (unit.kind != machine::UnitKind::Vector) continue;
            for (DType t : {DType::kF32, DType::kI64, DType::kI32, DType::kBool})
                for (gir::ScalarFn fn : all_functions())
                    for (const Instructions& i : instructions(fn, t))
                        EXPECT_GT(class_rate_gops(m, unit, i.op, i.dtype).value, 0)
                            << name << " " << gir::name(fn);
        }
    }
}

}  // namespace
}  // namespace smeaton::cost
