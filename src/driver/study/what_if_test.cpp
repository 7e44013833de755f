#include "driver/study/what_if.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "driver/study/verdict.h"
#include "machine/query.h"
#include "machine/read.h"
#include "machine/verify.h"

namespace smeaton::driver {
namespace {

machine::Machine server() {
    return machine::read_machine_file("server-cpu");
}

TEST(WhatIf, ALevelIsTwiceAsFastAndNothingElseChanges) {
    const machine::Machine before = server();
    machine::Machine after = with_twice_the_bandwidth(before, "dram");
    EXPECT_EQ(machine::find_level(after, "dram")->read->one_gb_s.value,
              2 * machine::find_level(before, "dram")->read->one_gb_s.value);
    EXPECT_EQ(machine::total_gb_s(*machine::find_level(after, "dram")->read, 96).value,
              2 * machine::total_gb_s(*machine::find_level(before, "dram")->read, 96).value);
    after.levels.back() = before.levels.back();
    EXPECT_EQ(after, before);
    EXPECT_THROW(with_twice_the_bandwidth(before, "l9"), UserError);
}

TEST(WhatIf, TwiceTheCoresBringTheirOwnLevelsAndShareTheRest) {
    const machine::Machine before = server();
    const machine::Machine after = *with_twice_the_cores(before);
    EXPECT_EQ(machine::core_count(after), 2 * machine::core_count(before));
    for (const machine::Level& level : before.levels) {
        if (!level.read || !level.read->all_gb_s) continue;
        const double factor = level.private_to == before.scopes.back().name ? 2 : 1;
        EXPECT_EQ(machine::find_level(after, level.name)->read->all_gb_s->value,
                  factor * level.read->all_gb_s->value)
            << level.name;
    }
    machine::Machine alone = before;
    alone.scopes.clear();
    EXPECT_FALSE(with_twice_the_cores(alone));
}

TEST(WhatIf, TwiceThePeakIsTwiceThePeak) {
    const machine::Machine before = server();
    const auto peak = [](const machine::Machine& m) {
        return machine::peak_gflops(m, tensor::DType::kF32)->value;
    };
    EXPECT_DOUBLE_EQ(peak(with_twice_the_peak(before)), 2 * peak(before));
    // An array that states no speed: rows x columns in a cycle.
    machine::Machine array = machine::read_machine_file("systolic-chip");
    for (machine::Unit& unit : array.units)
        if (unit.kind == machine::UnitKind::Systolic)
            for (machine::Rate& rate : unit.rates) rate.per_cycle.reset();
    EXPECT_DOUBLE_EQ(peak(with_twice_the_peak(array)), 2 * peak(array));
}

TEST(WhatIf, BetterMachinesAreMachines) {
    for (const char* name : {"server-cpu", "edge-cpu", "systolic-chip", "tpu-like"}) {
        const machine::Machine m = machine::read_machine_file(name);
        for (const machine::Level& level : m.levels)
            EXPECT_NO_THROW(machine::verify(with_twice_the_bandwidth(m, level.name), name));
        EXPECT_NO_THROW(machine::verify(with_twice_the_peak(m), name));
        if (auto more = with_twice_the_cores(m)) {
            EXPECT_NO_THROW(machine::verify(*more, name));
        }
    }
}

MeasuredKernel kernel(double time_us, const char* bound, double efficiency) {
    MeasuredKernel k;
    k.time_us = time_us;
    k.bound = bound;
    k.efficiency = efficiency;
    return k;
}

TEST(Verdict, TakesTheFewestKernelsThatMakeUpTwoThirds) {
    const Verdict v =
        verdict({kernel(10, "l2", 0.5), kernel(50, "compute", 0.8), kernel(20, "compute", 0.4),
                 kernel(20, "dram", 0.1)},
                {"Conv", "Conv", "Conv", "Softmax"},
                {100, {{"bandwidth", "l2", 99, 0.01}, {"bandwidth", "dram", 90, 0.1}}});
    EXPECT_EQ(v.op, "Conv");
    EXPECT_EQ(v.kernels, 2);
    EXPECT_EQ(v.of, 3);
    EXPECT_DOUBLE_EQ(v.share, 0.7);
    EXPECT_DOUBLE_EQ(v.reached, 48.0 / 70);
    EXPECT_EQ(v.bound, "compute");
    EXPECT_EQ(v.best_bandwidth, "dram");
}

TEST(Verdict, TakesAllKernelsOfAnOperatorBelowTwoThirds) {
    const Verdict v =
        verdict({kernel(30, "compute", 1), kernel(25, "dram", 1), kernel(45, "l1", 1)},
                {"Conv", "Conv", "Add"}, {});
    EXPECT_EQ(v.kernels, 2);
    EXPECT_DOUBLE_EQ(v.share, 0.55);
    EXPECT_EQ(v.bound, "");
    EXPECT_EQ(v.best_bandwidth, "");
    EXPECT_EQ(verdict({}, {}, {}).of, 0);
}

}  // namespace
}  // namespace smeaton::driver
