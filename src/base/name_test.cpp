#include "base/name.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>

namespace smeaton {
namespace {

TEST(Name, TheEmptyNameIsOne) {
    EXPECT_EQ(Name(), Name(""));
    EXPECT_EQ(Name(), Name(std::string()));
    EXPECT_TRUE(Name().empty());
    EXPECT_FALSE(Name("a").empty());
    EXPECT_NE(Name(), Name("a"));
}

TEST(Name, SortsByItsText) {
    std::mt19937 chance(3);
    const std::string letters("a_\x01\xff\0b", 6);
    std::set<std::string> texts = {""};
    for (int i = 0; i < 300; ++i) {
        std::string text = chance() % 2 ? "conv_weight" : "";
        for (size_t length = chance() % 12; length > 0; --length)
            text += letters[chance() % letters.size()];
        texts.insert(text);
    }
    for (const std::string& a : texts)
        for (const std::string& b : texts) {
            EXPECT_EQ(Name(a) < Name(b), a < b);
            EXPECT_EQ(Name(a) == Name(b), a == b);
        }
}

}  // namespace
}  // namespace smeaton
