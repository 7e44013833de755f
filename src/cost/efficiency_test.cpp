#include "cost/efficiency.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "cost/efficiency_file.h"

namespace smeaton::cost {
namespace {

DeviceRates rates() {
    return {300e12, 300e12, 20e12, 2e12, 300e9};
}

OperatorWork product(double m, double k, double n) {
    OperatorWork w;
    w.rows = m;
    w.flops = 2 * m * k * n;
    w.weight_bytes = 2 * k * n;
    w.activation_bytes = 2 * m * (k + n);
    return w;
}

std::vector<OperatorWork> works() {
    std::vector<OperatorWork> all;
    for (double m : {1.0, 7.0, 64.0, 4096.0}) all.push_back(product(m, 4096, 4096));
    OperatorWork core;
    core.kind = OperatorWork::Kind::Attention;
    core.flops = 1e9;
    core.cache_bytes = 1e8;
    all.push_back(core);
    for (auto kind :
         {OperatorWork::Kind::Softmax, OperatorWork::Kind::Norm, OperatorWork::Kind::Elementwise}) {
        OperatorWork w;
        w.kind = kind;
        w.flops = 1e7;
        w.activation_bytes = 1e7;
        all.push_back(w);
    }
    return all;
}

TEST(Efficiency, OfOneIsTheRoofline) {
    const OperatorWork w = product(64, 12288, 12288);
    const double expected =
        std::max(w.flops / 300e12, (w.weight_bytes + w.activation_bytes) / 2e12);
    EXPECT_DOUBLE_EQ(operator_time(w, rates(), {}).seconds, expected);
    EXPECT_DOUBLE_EQ(operator_time(w, rates(), {}).bound_s, expected);
}

TEST(Efficiency, NoCoefficientMakesAnOperatorFasterThanTheRoofline) {
    for (const EfficiencyTerm& term : efficiency_terms())
        for (double part : {0.1, 0.5, 1.0})
            for (const OperatorWork& w : works()) {
                Efficiency e;
                e.*term.at = term.least + part * (term.most - term.least);
                const OperatorTime t = operator_time(w, rates(), e);
                EXPECT_GE(t.seconds, t.bound_s * (1 - 1e-12)) << term.name;
            }
}

TEST(Efficiency, MoreRateAndFewerBytesAreNeverSlower) {
    Efficiency e;
    e.compute = 0.7;
    e.memory = 0.8;
    e.bytes_half = 1e6;
    e.rows_half = 10;
    e.lanes = 10;
    for (const OperatorWork& w : works()) {
        const double now = operator_time(w, rates(), e).seconds;
        for (double DeviceRates::*at : {&DeviceRates::matrix_flops, &DeviceRates::attention_flops,
                                        &DeviceRates::vector_flops, &DeviceRates::memory_bytes}) {
            DeviceRates more = rates();
            more.*at *= 1.5;
            EXPECT_LE(operator_time(w, more, e).seconds, now);
        }
        OperatorWork fewer = w;
        fewer.weight_bytes /= 2;
        fewer.cache_bytes /= 2;
        EXPECT_LE(operator_time(fewer, rates(), e).seconds, now);
    }
}

TEST(Efficiency, AnAllReduceTakesTheCheaperOfRingAndTree) {
    Efficiency e;
    e.link_s = 1e-5;
    const double small = all_reduce_s(8, 8, rates(), e), large = all_reduce_s(1e9, 8, rates(), e);
    EXPECT_NEAR(small, 2 * 3 * 1e-5, 1e-9);  // tree: 2 log2(8) steps
    EXPECT_NEAR(large, 2 * 7 * 1e-5 + 2 * 7.0 / 8 * 1e9 / 300e9, 1e-9);
    EXPECT_EQ(all_reduce_s(1e9, 1, rates(), e), 0);
}

TEST(Efficiency, AnAllToAllHasAPartForEachOtherDevice) {
    Efficiency e;
    e.link_s = 1e-5;
    EXPECT_NEAR(all_to_all_s(8e8, 8, rates(), e), 7 * (1e-5 + 1e8 / 300e9), 1e-12);
    EXPECT_EQ(all_to_all_s(8e8, 1, rates(), e), 0);
}

TEST(Efficiency, ZerosAreSkippedWhereTheDeviceSaysSo) {
    OperatorWork w = product(4096, 12288, 12288);
    DeviceRates skipping = rates();
    skipping.pruned_flops = 600e12;
    w.pruned = true;
    EXPECT_DOUBLE_EQ(operator_time(w, skipping, {}).seconds, w.flops / 600e12);
    EXPECT_DOUBLE_EQ(operator_time(w, rates(), {}).seconds, w.flops / 300e12);
}

TEST(Calibration, PrintsAndReadsBack) {
    const std::vector<Calibration>& shipped = shipped_calibrations();
    ASSERT_FALSE(shipped.empty());
    const std::string text = print_calibrations(shipped);
    EXPECT_EQ(print_calibrations(parse_calibrations(text, "again.yaml")), text);
    EXPECT_THROW(parse_calibrations("calibrations: [{engine: x}]", "bad.yaml"), UserError);
}

TEST(Calibration, EveryShippedEfficiencyIsAtMostOneAndHasItsErrors) {
    for (const Calibration& c : shipped_calibrations()) {
        for (const EfficiencyTerm& t : efficiency_terms()) {
            EXPECT_GE(c.efficiency.*t.at, t.least);
            EXPECT_LE(c.efficiency.*t.at, t.most);
        }
        EXPECT_FALSE(c.fitted.empty()) << c.engine;
        EXPECT_FALSE(c.sources.empty()) << c.engine;
    }
}

}  // namespace
}  // namespace smeaton::cost
