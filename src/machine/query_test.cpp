#include "machine/query.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace smeaton::machine {
namespace {

using tensor::DType;

Rate rate(OpClass op, DType dtype, double per_cycle) {
    Rate r;
    r.op = op;
    r.dtype = dtype;
    r.per_cycle = Number(per_cycle);
    return r;
}

Unit unit(const char* name, UnitKind kind) {
    Unit u;
    u.name = name;
    u.kind = kind;
    u.private_to = "core";
    return u;
}

Machine two_units() {
    Machine m;
    m.name = "m";
    m.clock_ghz = Number(Interval{1.5, 2, 2.5}, "");
    m.scopes = {{"cluster", 2}, {"core", 3}};
    Unit scalar = unit("scalar", UnitKind::Scalar);
    scalar.rates = {rate(OpClass::Fma, DType::kF32, 1)};
    Unit simd = unit("simd", UnitKind::Vector);
    simd.vector_bits = Number(128);
    simd.registers = Number(32);
    simd.rates = {rate(OpClass::Fma, DType::kF32, 8)};
    m.units = {scalar, simd};
    return m;
}

TEST(MachineQuery, a_rate_is_elements_per_cycle_times_the_clock_of_its_unit) {
    Machine m = two_units();
    EXPECT_EQ(*rate_gops(m, m.units[1], OpClass::Fma, DType::kF32), (Interval{12, 16, 20}));
    m.units[1].clock_ghz = Number(1);
    EXPECT_EQ(rate_gops(m, m.units[1], OpClass::Fma, DType::kF32)->value, 8);
    EXPECT_FALSE(rate_gops(m, m.units[1], OpClass::Div, DType::kF32).has_value());
}

TEST(MachineQuery, the_peak_is_twice_the_best_fma_rate) {
    EXPECT_EQ(peak_gflops(two_units(), DType::kF32)->value, 32);
    EXPECT_FALSE(peak_gflops(two_units(), DType::kBF16).has_value());
}

TEST(MachineQuery, units_multiply_along_the_tree_of_scopes) {
    EXPECT_EQ(unit_count(two_units(), ""), 1);
    EXPECT_EQ(unit_count(two_units(), "cluster"), 2);
    EXPECT_EQ(core_count(two_units()), 6);
    EXPECT_THROW(unit_count(two_units(), "socket"), InternalError);
}

TEST(MachineQuery, several_cores_share_the_total_bandwidth) {
    Bandwidth b{Number(10), Number(25)};
    EXPECT_EQ(total_gb_s(b, 1).value, 10);
    EXPECT_EQ(total_gb_s(b, 2).value, 20);
    EXPECT_EQ(total_gb_s(b, 4).value, 25);
    EXPECT_EQ(total_gb_s({Number(10), std::nullopt}, 4).value, 40);
}

TEST(MachineQuery, fma_in_flight_is_latency_times_issue) {
    Machine m = two_units();
    EXPECT_EQ(fma_latency_times_rate(m, m.units[1]), 8);  // latency unknown
    m.units[1].rates[0].latency_cycles = Number(5);
    EXPECT_EQ(fma_latency_times_rate(m, m.units[1]), 10);  // 8 per cycle in 4 lanes: 2
}

TEST(MachineQuery, measured_rates_round_to_what_is_in_silicon) {
    Machine m = two_units();
    Rate& r = m.units[1].rates[0];
    r.per_cycle.reset();
    r.gops_per_s = Number(2 * 7.3);  // 7.3 elements per cycle
    r.latency_cycles = Number(4.2);
    EXPECT_EQ(fma_latency_times_rate(m, m.units[1]), 8);
}

TEST(MachineQuery, the_share_kept_when_all_work_comes_from_the_stated_total) {
    Machine m = two_units();
    EXPECT_EQ(all_busy_share(m, m.units[1]), Interval::exact(1));
    Rate& r = m.units[1].rates[0];
    r.per_cycle.reset();
    r.gops_per_s = Number(10);
    r.all_gops_per_s = Number(45);  // six of 10 would be 60
    EXPECT_EQ(all_busy_share(m, m.units[1]), Interval::exact(0.75));
    r.all_gops_per_s = Number(70);
    EXPECT_EQ(all_busy_share(m, m.units[1]), Interval::exact(1));
}

TEST(MachineQuery, the_main_vector_unit_is_the_fastest_at_f32) {
    EXPECT_EQ(main_vector_unit(two_units())->name, "simd");
    Machine none = two_units();
    none.units.pop_back();
    EXPECT_EQ(main_vector_unit(none), nullptr);
}

TEST(MachineQuery, of_vector_units_about_as_fast_the_widest_is_the_main_one) {
    Machine m = two_units();
    Unit half = m.units.back();
    half.name = "half";
    half.vector_bits->value /= 2;
    for (Rate& rate : half.rates)
        if (rate.gops_per_s) rate.gops_per_s->value *= 1.01;
    for (Rate& rate : half.rates)
        if (rate.per_cycle) rate.per_cycle->value *= 1.01;
    m.units.push_back(half);
    EXPECT_EQ(main_vector_unit(m)->name, "simd");
}

}  // namespace
}  // namespace smeaton::machine
