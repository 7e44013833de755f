#include "base/workers.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <vector>

namespace smeaton {
namespace {

TEST(Workers, EachItemIsDoneOnceInEveryRound) {
    Workers workers(3);
    std::vector<std::atomic<int>> done(50);
    for (int round = 0; round < 200; ++round)
        workers.each(done.size(), [&](size_t item, size_t worker) {
            EXPECT_LT(worker, workers.count());
            ++done[item];
        });
    for (const auto& times : done) EXPECT_EQ(times, 200);
}

TEST(Workers, WhatTheFirstItemThrewIsThrown) {
    Workers workers(3);
    for (int round = 0; round < 200; ++round) {
        std::string thrown;
        try {
            workers.each(20, [](size_t item, size_t) {
                if (item >= 5) throw std::runtime_error(std::to_string(item));
            });
        } catch (const std::runtime_error& error) {
            thrown = error.what();
        }
        EXPECT_EQ(thrown, "5");
    }
}

TEST(Workers, WithoutThemItemsAreDoneInTurn) {
    std::vector<size_t> done;
    for_each_item(nullptr, 4, [&](size_t item) { done.push_back(item); });
    EXPECT_EQ(done, (std::vector<size_t>{0, 1, 2, 3}));
}

}  // namespace
}  // namespace smeaton
