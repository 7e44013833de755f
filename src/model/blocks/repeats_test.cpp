#include "model/blocks/repeats.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace smeaton::model {
namespace {

std::vector<int32_t> numbers(const std::string& text) {
    return {text.begin(), text.end()};
}

/// By definition: every period, smallest first; a stretch that a smaller period explains is left.
std::vector<Repetition> by_definition(const std::vector<int32_t>& text) {
    std::vector<Repetition> found;
    for (size_t p = 1; 2 * p <= text.size(); ++p) {
        for (size_t i = 0; i + p < text.size();) {
            size_t j = i;
            while (j + p < text.size() && text[j] == text[j + p]) ++j;
            const bool known = std::any_of(found.begin(), found.end(), [&](const Repetition& r) {
                return r.begin == i && r.end == j + p;
            });
            if (j - i >= p && !known) found.push_back({i, j + p, p});
            i = j + 1;
        }
    }
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
        return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    return found;
}

TEST(Repetitions, AreFoundWithTheirSmallestPeriod) {
    EXPECT_TRUE(repetitions({}).empty());
    EXPECT_TRUE(repetitions(numbers("abcdef")).empty());
    const std::vector<Repetition> expected = {{1, 8, 3}};  // abc abc a
    EXPECT_EQ(repetitions(numbers("xabcabcay")), expected);
    const std::vector<Repetition> all_equal = {{0, 5, 1}};
    EXPECT_EQ(repetitions(numbers("zzzzz")), all_equal);
}

TEST(Repetitions, AgreeWithTheDefinitionOnRandomTexts) {
    std::mt19937 random(7);
    for (int round = 0; round < 3000; ++round) {
        std::vector<int32_t> text(random() % 24);
        const int32_t letters = 1 + static_cast<int32_t>(random() % 3);
        for (int32_t& c : text) c = static_cast<int32_t>(random()) % letters;
        ASSERT_EQ(repetitions(text), by_definition(text)) << ::testing::PrintToString(text);
    }
}

}  // namespace
}  // namespace smeaton::model
