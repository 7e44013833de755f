#include "driver/eager_costs.h"

#include <gtest/gtest.h>

namespace smeaton::driver {
namespace {

model::OperatorSummary summary(const char* op, int64_t flops, int64_t read, int64_t written) {
    model::OperatorSummary s;
    s.op = op;
    s.flops = flops;
    s.read_bytes = read;
    s.written_bytes = written;
    return s;
}

TEST(EagerCosts, ASplitPaysForLongOperatorsAlone) {
    const EagerCosts costs = eager_costs("", 2);
    const auto us = [&](const char* op, int64_t flops, size_t cores) {
        const EagerWork work = eager_work(summary(op, flops, 400'000, 200'000), {});
        return cores == 1 ? costs.alone_us(work) : costs.us(work, cores);
    };
    EXPECT_LT(us("Conv", 3'500'000, 1), us("Conv", 3'500'000, 2));
    EXPECT_GT(us("Conv", 231'000'000, 1), us("Conv", 231'000'000, 2));
    EXPECT_GT(us("MatMul", 151'000'000, 1), us("MatMul", 151'000'000, 2));
    // Windows are walked element by element.
    EXPECT_GT(us("MaxPool", 900'000, 1), 5 * us("Relu", 100'000, 1));
    EXPECT_GT(us("MaxPool", 900'000, 1), us("AveragePool", 900'000, 1));
}

TEST(EagerCosts, AnOperatorBesideOthersTakesLongerThanAlone) {
    const EagerWork work = eager_work(summary("Conv", 231'000'000, 400'000, 200'000), {});
    const EagerCosts two = eager_costs("", 2), one = eager_costs("", 1);
    EXPECT_GT(two.us(work, 1), two.alone_us(work));
    EXPECT_EQ(one.us(work, 1), one.alone_us(work));
    // Processes do not share Python's lock; a message takes longer.
    const EagerCosts processes = eager_costs("", 2, true);
    EXPECT_EQ(processes.held_us, 0);
    EXPECT_EQ(processes.us(work, 1), two.alone_us(work));
    EXPECT_GT(processes.message_us, two.message_us);
}

TEST(EagerCosts, WhatLiesBetweenJoinedNodesIsNotMoved) {
    EagerWork all;
    all.add(eager_work(summary("MatMul", 100, 50, 40), {}));
    all.add(eager_work(summary("Add", 10, 45, 40), {}));
    EXPECT_EQ(all.kind, EagerKind::Matrix);
    EXPECT_EQ(all.flops, 110);
    EXPECT_EQ(all.read, 55);
    EXPECT_EQ(all.written, 40);
}

}  // namespace
}  // namespace smeaton::driver
