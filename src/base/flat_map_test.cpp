#include "base/flat_map.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace smeaton {
namespace {

TEST(FlatMap, HoldsWhatAMapHoldsInTheSameOrder) {
    std::mt19937 chance(9);
    for (const unsigned keys : {6u, 60u}) {
        FlatMap<unsigned, unsigned> flat;
        std::map<unsigned, unsigned> map;
        for (unsigned i = 0; i < 400; ++i) {
            const unsigned key = chance() % keys;
            switch (chance() % 4) {
                case 0:
                    flat[key] = map[key] = i;
                    break;
                case 1:
                    EXPECT_EQ(flat.emplace(key, i).second, map.emplace(key, i).second);
                    break;
                case 2:
                    EXPECT_EQ(flat.erase(key), map.erase(key));
                    break;
                default:
                    EXPECT_EQ(flat.count(key), map.count(key));
                    if (map.count(key) > 0) {
                        EXPECT_EQ(flat.at(key), map.at(key));
                    }
            }
            ASSERT_EQ(flat.size(), map.size());
            ASSERT_TRUE(std::equal(flat.begin(), flat.end(), map.begin(), [](auto& a, auto& b) {
                return a.first == b.first && a.second == b.second;
            }));
        }
        EXPECT_THROW(flat.at(keys), std::out_of_range);
    }
}

}  // namespace
}  // namespace smeaton
