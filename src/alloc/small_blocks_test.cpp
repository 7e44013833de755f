// The program of these tests has its small blocks from small_blocks.cpp.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

namespace {

struct Block {
    char* bytes = nullptr;
    size_t size = 0;
    char mark = 0;
};

Block made(std::mt19937& chance) {
    // Most are small; some are beyond what lists hold.
    const size_t size = chance() % 16 == 0 ? chance() % 4000 : chance() % 600;
    Block b{static_cast<char*>(::operator new(size)), size, static_cast<char>(chance())};
    std::memset(b.bytes, b.mark, size);
    return b;
}

bool whole(const Block& b) {
    return std::all_of(b.bytes, b.bytes + b.size, [&](char c) { return c == b.mark; });
}

int64_t resident_bytes() {
    std::ifstream in("/proc/self/statm");
    int64_t total = 0, resident = 0;
    in >> total >> resident;
    return resident * 4096;
}

TEST(SmallBlocks, NoTwoLieInOnePlaceWhoeverDropsThem) {
    // Each thread makes blocks, and drops those that others made.
    std::array<std::vector<Block>, 4> left;
    std::array<std::mutex, 4> mutexes;
    std::array<int, 4> broken{}, unaligned{};
    auto work = [&](size_t self) {
        std::mt19937 chance(static_cast<unsigned>(self));
        for (int i = 0; i < 60000; ++i) {
            const size_t to = chance() % left.size();
            const Block b = made(chance);
            unaligned[self] +=
                reinterpret_cast<uintptr_t>(b.bytes) % alignof(std::max_align_t) != 0;
            const std::lock_guard lock(mutexes[to]);
            left[to].push_back(b);
            std::swap(left[to][chance() % left[to].size()], left[to].back());
            if (chance() % 64 > 30) {
                broken[self] += !whole(left[to].back());
                ::operator delete(left[to].back().bytes);
                left[to].pop_back();
            }
        }
    };
    std::vector<std::thread> threads;
    for (size_t t = 0; t < left.size(); ++t) threads.emplace_back(work, t);
    for (std::thread& t : threads) t.join();
    for (size_t t = 0; t < left.size(); ++t) {
        EXPECT_EQ(broken[t], 0);
        EXPECT_EQ(unaligned[t], 0);
        for (const Block& b : left[t]) {
            EXPECT_TRUE(whole(b));
            ::operator delete(b.bytes, b.size);
        }
    }
}

TEST(SmallBlocks, WhatEndedThreadsLeftServesOthers) {
    auto round = [] {
        std::vector<std::unique_ptr<std::array<char, 96>>> blocks;
        std::thread maker([&] {
            for (int i = 0; i < 100000; ++i)
                blocks.push_back(std::make_unique<std::array<char, 96>>());
        });
        maker.join();
        std::thread([&] { blocks.clear(); }).join();
    };
    for (int i = 0; i < 3; ++i) round();
    const int64_t before = resident_bytes();
    if (before == 0) GTEST_SKIP() << "no /proc here";
    for (int i = 0; i < 30; ++i) round();
    EXPECT_LT(resident_bytes() - before, 8 << 20);  // of 9.6 MB a round
}

TEST(SmallBlocks, EmptyOnesDiffer) {
    void* a = ::operator new(0);
    void* b = ::operator new(0);
    EXPECT_NE(a, b);
    ::operator delete(a);
    ::operator delete(b);
}

}  // namespace
