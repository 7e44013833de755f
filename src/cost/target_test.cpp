#include "cost/target.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "cost/shapes.h"
#include "machine/query.h"
#include "machine/read.h"

namespace smeaton::cost {
namespace {

using tensor::DType;

machine::CpuFeatures cpu(std::vector<std::string> isa) {
    machine::CpuFeatures c;
    c.model = "test";
    c.isa = std::move(isa);
    c.caches = {{1, 32 << 10, 64, 1, 2, 8}, {2, 1 << 20, 64, 1, 2, 8}, {3, 32 << 20, 64, 2, 1, 16}};
    c.cores = 2;
    c.memory_bytes = int64_t{8} << 30;
    return c;
}

TEST(Target, of_a_cpu_takes_its_widest_vectors_and_caches) {
    gir::Target t = target_of(cpu({"avx2", "avx512f", "fma"}));
    EXPECT_EQ(t.vector_bytes, 64);
    EXPECT_EQ(t.vector_registers, 32);
    EXPECT_EQ(t.cores, 2);
    ASSERT_EQ(t.levels.size(), 5u);
    EXPECT_EQ(t.registers().capacity.bytes(), 2048);
    EXPECT_EQ(t.find("l2")->scope, Name("core"));
    EXPECT_EQ(t.find("l3")->scope, Name());
    EXPECT_EQ(t.outwards_of(*t.find("l2")).name, Name("l3"));
    EXPECT_EQ(t.find("l1")->ways, 8);
    EXPECT_EQ(t.outermost().name, Name("dram"));
}

TEST(Target, can_be_forced_down_but_not_up) {
    EXPECT_EQ(target_of(cpu({"avx2", "avx512f", "fma"}), "avx2").vector_bytes, 32);
    EXPECT_EQ(target_of(cpu({"avx2", "avx512f", "fma"}), "plain").vector_bytes, 16);
    EXPECT_THROW(target_of(cpu({"avx2", "fma"}), "avx512"), UserError);
    EXPECT_THROW(target_of(cpu({"avx2", "fma"}), "neon"), UserError);
}

TEST(Target, of_the_shipped_machines_is_in_order) {
    for (const char* name : {"edge-cpu", "server-cpu", "systolic-chip"}) {
        gir::Target t = target_of(machine::read_machine_file(std::string(SMEATON_SOURCE_DIR) +
                                                             "/machines/" + name + ".yaml"));
        EXPECT_EQ(t.levels.front().name, Name("reg")) << name;
        EXPECT_EQ(t.levels.back().name, Name("dram")) << name;
        EXPECT_EQ(t.shape_for(DType::kF32, DType::kF32, DType::kF32).acc, DType::kF32) << name;
    }
    gir::Target edge = target_of(
        machine::read_machine_file(std::string(SMEATON_SOURCE_DIR) + "/machines/edge-cpu.yaml"));
    EXPECT_EQ(edge.vector_bytes, 16);
    EXPECT_EQ(edge.vector_registers, 32);
    EXPECT_EQ(edge.cores, 4);
    gir::MmaShape fma = edge.shape_for(DType::kF32, DType::kF32, DType::kF32);
    EXPECT_EQ(fma.columns, 4);
    EXPECT_EQ(fma.per_cycle, 2);
    EXPECT_EQ(fma.latency_cycles, 4);
}

TEST(Target, is_the_tree_of_the_machine) {
    gir::Target t = target_of(
        machine::read_machine_file(std::string(SMEATON_SOURCE_DIR) + "/machines/server-cpu.yaml"));
    EXPECT_EQ(t.units("cluster"), 12);
    EXPECT_EQ(t.all_cores(), 96);
    EXPECT_EQ(t.core_scope(), Name("core"));
    EXPECT_EQ(t.sharers(*t.find("l3")), 8);
    EXPECT_EQ(t.sharers(*t.find("l2")), 1);
    EXPECT_EQ(t.sharers(*t.find("dram")), 96);
    t.cores = 20;  // at work: three clusters
    EXPECT_EQ(t.sharers(*t.find("l3")), 7);
    EXPECT_EQ(t.sharers(*t.find("dram")), 20);
    EXPECT_EQ(t.panel_level(gir::OperandRole::B).name, Name("l2"));
    EXPECT_NEAR(t.find("l1")->read_bytes_per_cycle, 227 / 3.55, 1e-9);
    EXPECT_EQ(t.loads_per_cycle, 1);
}

TEST(Shapes, of_one_table_are_vectors_dot_products_and_arrays) {
    auto shipped = [](const char* name) {
        return target_of(machine::read_machine_file(std::string(SMEATON_SOURCE_DIR) + "/machines/" +
                                                    name + ".yaml"));
    };
    gir::Target server = shipped("server-cpu"), chip = shipped("systolic-chip");
    gir::MmaShape dot = server.shape_for(DType::kU8, DType::kI8, DType::kI32);
    EXPECT_EQ(dot.columns * dot.group, 64);
    EXPECT_EQ(server.shape_for(DType::kF32, DType::kF32, DType::kF32).columns, 16);
    EXPECT_EQ(server.shape_for(DType::kF64, DType::kF64, DType::kF64).columns, 8);
    // Signed by signed bytes have no row: they are converted to what they add up in.
    gir::MmaShape converted = server.shape_for(DType::kI8, DType::kI8, DType::kI32);
    EXPECT_EQ(converted.a, DType::kI32);
    EXPECT_EQ(converted.group, 1);
    gir::MmaShape array = chip.shape_for(DType::kF32, DType::kF32, DType::kF32);
    EXPECT_EQ(array.unit, Name("array"));
    EXPECT_TRUE(array.holds_b);
    EXPECT_EQ(array.columns, 32);
    EXPECT_EQ(array.group, 32);
    EXPECT_EQ(array.fill_cycles, 62);
    EXPECT_EQ(array.per_cycle, 1);
    EXPECT_FALSE(chip.sums_in_registers(array));
    EXPECT_EQ(chip.panel_level(gir::OperandRole::A).name, Name("ibuf"));
}

TEST(Shapes, are_as_fast_as_silicon_makes_them) {
    EXPECT_EQ(in_silicon(1.94), 2);
    EXPECT_EQ(in_silicon(0.26), 0.25);
    EXPECT_EQ(in_silicon(0.7), 1);
}

}  // namespace
}  // namespace smeaton::cost
