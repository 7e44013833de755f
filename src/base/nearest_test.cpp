#include "base/nearest.h"

#include <gtest/gtest.h>

namespace smeaton {
namespace {

TEST(Nearest, IsTheWordWithTheFewestEdits) {
    EXPECT_EQ(nearest("simulat", {"study", "simulate", "schedule"}), "simulate");
    EXPECT_EQ(nearest("--rnus", {"--runs", "--warmup"}), "--runs");
}

TEST(Nearest, ABeginningMeansTheWhole) {
    EXPECT_EQ(nearest("latency", {"line", "latency_ns"}), "latency_ns");
}

TEST(Nearest, WhatIsFarFromAllHasNone) {
    EXPECT_EQ(nearest("frobnicate", {"run", "study"}), "");
    EXPECT_EQ(nearest_hint("frobnicate", {"run", "study"}), "");
    EXPECT_EQ(nearest_hint("fusee", {"layout", "fuse"}), " (nearest: 'fuse')");
}

}  // namespace
}  // namespace smeaton
