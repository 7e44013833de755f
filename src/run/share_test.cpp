#include "run/share.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace smeaton::run {
namespace {

TEST(Share, a_member_takes_its_own_part_from_the_front_then_the_ends_of_others) {
    Share share(2, 12);
    const auto expect = [&](int member, int most, int first, int last) {
        const Pieces p = share.take(member, most);
        EXPECT_EQ(p.first, first);
        EXPECT_EQ(p.last, last);
    };
    expect(0, 12, 0, 3);  // half of 0 to 5
    expect(0, 12, 3, 5);
    expect(0, 12, 5, 6);
    expect(0, 12, 9, 12);  // the other has not come yet
    expect(1, 2, 6, 8);
    expect(0, 12, 8, 9);
    EXPECT_TRUE(share.all_taken());
    EXPECT_TRUE(share.take(1, 12).empty());
    EXPECT_FALSE(share.done(10));
    EXPECT_TRUE(share.done(2));
    share.reset();
    EXPECT_FALSE(share.all_taken());
    expect(1, 1, 6, 7);
}

TEST(Share, pieces_may_be_fewer_than_members) {
    Share share(4, 1);
    const Pieces p = share.take(0, 1);
    EXPECT_EQ(p.last - p.first, 1);
    for (int m = 0; m < 4; ++m) EXPECT_TRUE(share.take(m, 1).empty());
}

TEST(Share, every_piece_is_taken_once_and_one_member_tells_of_the_last) {
    constexpr int kMembers = 4, kPieces = 61;
    Share share(kMembers, kPieces);
    for (int round = 0; round < 200; ++round) {
        share.reset();
        std::vector<std::atomic<int>> taken(kPieces);
        std::atomic<int> told{0};
        std::vector<std::thread> threads;
        for (int m = 0; m < kMembers; ++m)
            threads.emplace_back([&, m] {
                int done = 0;
                for (Pieces p = share.take(m, kPieces); !p.empty(); p = share.take(m, kPieces)) {
                    for (int k = p.first; k < p.last; ++k) ++taken[static_cast<size_t>(k)];
                    done += p.last - p.first;
                }
                if (done > 0 && share.done(done)) ++told;
            });
        for (std::thread& t : threads) t.join();
        for (const std::atomic<int>& n : taken) ASSERT_EQ(n.load(), 1);
        ASSERT_EQ(told.load(), 1);
    }
}

}  // namespace
}  // namespace smeaton::run
