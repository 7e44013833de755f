#include "base/small_vector.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace smeaton {
namespace {

using Small = SmallVector<int, 3>;

Small of(std::initializer_list<int> values) {
    Small s;
    for (int v : values) s.push_back(v);
    return s;
}

std::vector<int> all(const Small& s) {
    return {s.begin(), s.end()};
}

TEST(SmallVector, GoesOnWhereItsOwnRoomEnds) {
    Small s = of({1, 2, 3});
    EXPECT_EQ(all(s), (std::vector<int>{1, 2, 3}));
    s.push_back(4);
    s.push_back(5);
    EXPECT_EQ(all(s), (std::vector<int>{1, 2, 3, 4, 5}));
    EXPECT_EQ(s.front(), 1);
    EXPECT_EQ(s.back(), 5);
}

TEST(SmallVector, CopiesAreApartAndMovesKeepTheElements) {
    for (const Small& s : {of({1}), of({1, 2, 3, 4})}) {
        Small copy = s;
        copy[0] = 7;
        EXPECT_EQ(s[0], 1);
        Small moved = std::move(copy);
        EXPECT_EQ(moved.size(), s.size());
        EXPECT_EQ(moved[0], 7);
        moved = s;
        EXPECT_TRUE(moved == s);
        Small longer = of({9, 9, 9, 9, 9, 9});
        longer = s;
        EXPECT_TRUE(longer == s);
    }
}

TEST(SmallVector, InsertsAndErasesAsAVectorDoes) {
    std::mt19937 chance(5);
    Small s;
    std::vector<int> v;
    for (int i = 0; i < 500; ++i) {
        const size_t at = chance() % (v.size() + 1);
        if (chance() % 5 < 3 || at == v.size()) {
            s.insert(s.begin() + at, i);
            v.insert(v.begin() + static_cast<std::ptrdiff_t>(at), i);
        } else {
            s.erase(s.begin() + at);
            v.erase(v.begin() + static_cast<std::ptrdiff_t>(at));
        }
        ASSERT_EQ(all(s), v);
    }
}

}  // namespace
}  // namespace smeaton
