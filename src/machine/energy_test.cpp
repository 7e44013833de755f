#include "machine/energy.h"

#include <gtest/gtest.h>

#include "machine/read.h"
#include "machine/tech/tables.h"

namespace smeaton::machine {
namespace {

using tensor::DType;

Machine shipped(const std::string& name) {
    return read_machine_file(std::string(SMEATON_SOURCE_DIR) + "/machines/" + name + ".yaml");
}

TEST(Technology, published_figures_are_as_published) {
    Number add = *tech::op_pj(Technology::Nm45, OpClass::Add, DType::kF32);
    EXPECT_EQ(add.interval(), Interval::exact(0.9));
    EXPECT_EQ(tech::op_pj(Technology::Nm45, OpClass::Mul, DType::kI8)->value, 0.2);
    EXPECT_EQ(tech::op_pj(Technology::Nm45, OpClass::Fma, DType::kF16)->value, 1.5);
    EXPECT_DOUBLE_EQ(tech::op_pj(Technology::Nm7, OpClass::Fma, DType::kBF16)->value, 0.32);
    EXPECT_DOUBLE_EQ(tech::sram_pj_per_byte(Technology::Nm45, 8192).value, 10 / 8.0);
    EXPECT_DOUBLE_EQ(tech::sram_pj_per_byte(Technology::Nm45, 1 << 20).value, 100 / 8.0);
    EXPECT_DOUBLE_EQ(tech::sram_pj_per_byte(Technology::Nm7, 32768).value, 8.5 / 8);
}

TEST(Technology, every_figure_has_a_source_and_an_ordered_range) {
    for (Technology t : {Technology::Nm45, Technology::Nm7})
        for (DType dtype : {DType::kF32, DType::kF64, DType::kI32, DType::kI64, DType::kU8})
            for (OpClass op :
                 {OpClass::Fma, OpClass::Add, OpClass::Mul, OpClass::MinMax, OpClass::Compare,
                  OpClass::Select, OpClass::Logic, OpClass::Convert, OpClass::Shuffle,
                  OpClass::Scale, OpClass::Div, OpClass::Sqrt, OpClass::Gather, OpClass::Exp}) {
                std::optional<Number> pj = tech::op_pj(t, op, dtype);
                ASSERT_TRUE(pj);
                EXPECT_FALSE(pj->source.empty());
                EXPECT_GT(pj->low, 0);
                EXPECT_LE(pj->low, pj->value);
                EXPECT_LE(pj->value, pj->high);
            }
}

TEST(Technology, a_larger_memory_costs_more_and_what_nobody_published_is_nothing) {
    double before = 0;
    for (double bytes = 1024; bytes < 1e8; bytes *= 2) {
        double pj = tech::sram_pj_per_byte(Technology::Nm45, bytes).value;
        EXPECT_GT(pj, before);
        before = pj;
    }
    EXPECT_FALSE(tech::op_pj(Technology::Nm45, OpClass::Tanh, DType::kF32));
    EXPECT_FALSE(tech::op_pj(Technology::Nm45, OpClass::Add, DType::kBF16));
    EXPECT_FALSE(tech::op_mm2(Technology::Nm7, OpClass::Mul, DType::kF32));
}

TEST(Energy, what_the_machine_states_goes_before_the_technology) {
    Machine m = shipped("systolic-chip");
    EXPECT_EQ(op_energy_pj(m, m.units[0], OpClass::Fma, DType::kF32)->source, "horowitz");
    const Level& wbuf = m.levels[1];
    EXPECT_EQ(access_energy_pj_per_byte(m, wbuf, false)->value, 7.07);
    EXPECT_NE(op_energy_pj(m, m.units[1], OpClass::MinMax, DType::kF32)->source.find("derived"),
              std::string::npos);
    m.technology.reset();
    EXPECT_FALSE(op_energy_pj(m, m.units[1], OpClass::MinMax, DType::kF32));
}

TEST(Energy, a_memory_off_the_chip_is_never_taken_for_an_sram) {
    Machine m = shipped("simdit-training-08");
    m.levels.back().read_energy_pj_per_byte.reset();
    EXPECT_FALSE(access_energy_pj_per_byte(m, m.levels.back(), false));
}

TEST(Energy, area_is_the_sum_of_units_and_levels_but_the_outermost) {
    Machine m = shipped("simdit-inference-01");
    WholeFigure area = area_of(m);
    ASSERT_TRUE(area.value);
    double cells = (16 * 16 + 16) * (4184 + 7700) * 1e-6;
    double bytes = 1024.0 * (2 + 16 + 16 + 128 + 128);
    EXPECT_NEAR(area.value->value, cells + bytes * 8 * 0.346e-6 / 0.685, 1e-9);
    EXPECT_NEAR(area.value->low, cells + bytes * 8 * 0.242e-6 / 0.70, 1e-9);
    EXPECT_NEAR(area.value->high, cells + bytes * 8 * 0.374e-6 / 0.67, 1e-9);
    m.area_mm2 = Number(12.25);
    EXPECT_EQ(area_of(m).value->value, 12.25);
}

TEST(Energy, a_missing_area_is_named) {
    WholeFigure area = area_of(shipped("tpu-like"));
    EXPECT_FALSE(area.value);
    ASSERT_EQ(area.missing.size(), 2u);
    EXPECT_EQ(area.missing[0], "unit array: 'area_mm2'");
    EXPECT_EQ(leakage_of(shipped("edge-cpu")).missing[0], "machine: 'leakage_w'");
    EXPECT_FALSE(tells_energy(shipped("edge-cpu")));
}

}  // namespace
}  // namespace smeaton::machine
