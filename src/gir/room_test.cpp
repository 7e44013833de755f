#include "gir/room.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace smeaton::gir {
namespace {

/// What a few questions answer, each derived otherwise.
std::vector<bool> answers(const Room& room, const std::vector<double>& bytes) {
    std::vector<bool> out;
    for (double b : bytes) {
        out.push_back(room.holds(b));
        out.push_back((room * 0.95 - b).holds(b));
        out.push_back(((room / 3).whole() * 0.5).holds(b));
        out.push_back(((room * 0.7).whole() - 17).holds(b));
    }
    return out;
}

TEST(Room, answers_the_same_all_over_the_span_that_it_notes) {
    std::mt19937 chance(3);
    auto upto = [&](double most) { return std::floor(most * chance() / 4294967296.0); };
    int elsewhere = 0;
    for (int i = 0; i < 300; ++i) {
        const double capacity = 1 + upto(1 << 20);
        std::vector<double> bytes;
        for (int k = 0; k < 3; ++k) bytes.push_back(upto(1 << 20));
        Span span;
        const std::vector<bool> here = answers(Room(capacity, &span), bytes);
        ASSERT_TRUE(span.contains(capacity));
        const double low = std::ceil(span.low);
        const double high = std::floor(std::min(span.high, 2.0 * (1 << 20)));
        for (double c : {low, high, low + upto(high - low)})
            EXPECT_EQ(answers(Room(c), bytes), here) << capacity << " and " << c;
        // Not far beyond it they differ: the span is no narrower than it must be.
        if (low > 32) elsewhere += answers(Room(low - 32), bytes) != here ? 1 : 0;
    }
    EXPECT_GT(elsewhere, 200);
}

TEST(Capacity, notes_the_very_bytes_at_which_an_answer_turns) {
    Span span;
    const Capacity c = Capacity(100).noting(&span);
    EXPECT_TRUE(c.holds(64));
    EXPECT_TRUE(c.holds(80));
    EXPECT_FALSE(c.holds(101));
    EXPECT_FALSE(c.holds(300));
    EXPECT_EQ(span, (Span{80, 100, {}}));
    EXPECT_EQ(c.bytes(), 100);
    EXPECT_EQ(span, (Span{100, 100, {}}));
}

TEST(Capacity, an_unbounded_one_holds_all_and_notes_nothing) {
    Span span;
    const Capacity c = Capacity().noting(&span);
    EXPECT_TRUE(c.holds(INT64_MAX));
    EXPECT_EQ(c.bytes(), 0);
    EXPECT_EQ(span, Span{});
}

TEST(Capacity, steps_answer_the_same_wherever_the_span_says_so) {
    for (int64_t parts : {2, 16})
        for (int64_t bytes = 0; bytes < 70; ++bytes)
            for (int64_t capacity = 1; capacity < 200; ++capacity) {
                Span span;
                const bool here = Capacity(capacity).noting(&span).is_in_step(bytes, parts);
                for (int64_t c = 1; c < 200; ++c)
                    ASSERT_EQ(Capacity(c).is_in_step(bytes, parts) == here,
                              span.contains(static_cast<double>(c)))
                        << bytes << " " << capacity << " " << c;
            }
}

TEST(Figure, notes_that_it_was_asked_for) {
    Span span;
    const Figure f = Figure(3.5).noting(&span);
    EXPECT_EQ(f.unnoted(), 3.5);
    EXPECT_EQ(span, Span{});
    EXPECT_EQ(2 * f, 7);
    EXPECT_EQ(span, (Span{3.5, 3.5, {}}));
}

TEST(Figure, that_reaches_a_limit_might_as_well_be_larger) {
    Span wide, narrow;
    EXPECT_EQ(Figure(8).noting(&wide).at_most(5), 5);
    EXPECT_TRUE(wide.contains(5) && wide.contains(1e9));
    EXPECT_FALSE(wide.contains(4.9));
    EXPECT_EQ(Figure(4).noting(&narrow).at_most(5), 4);
    EXPECT_EQ(narrow, (Span{4, 4, {}}));
}

TEST(Span, meets_another_in_what_both_contain) {
    Span a{10, 90, {}}, b{40, 120, {}};
    b.add({64, 2, true});
    a.meet(b);
    for (int64_t c = 1; c < 130; ++c)
        EXPECT_EQ(a.contains(static_cast<double>(c)),
                  c >= 40 && c <= 90 && Capacity(c).is_in_step(64, 2));
}

TEST(KeptRegion, holds_and_narrows_as_the_region_that_it_was_made_of) {
    std::mt19937 chance(17);
    for (int i = 0; i < 200; ++i) {
        Region region(6), other(6);
        for (Region* r : {&region, &other})
            for (Span& span : *r) {
                const double low = chance() % 40;
                if (chance() % 3 == 0) span.narrow(low, low, low + chance() % 60);
                if (chance() % 6 == 0) span.add({static_cast<int64_t>(chance() % 64), 2, true});
            }
        const KeptRegion kept(region);
        std::vector<double> values;
        bool inside = true;
        for (const Span& span : region) {
            values.push_back(chance() % 3 == 0 ? chance() % 100 : span.low);
            inside = inside && span.contains(values.back());
        }
        EXPECT_EQ(kept.contains(values), inside);
        Region met = other, wanted = other;
        meet(met, kept);
        for (size_t k = 0; k < wanted.size(); ++k) wanted[k].meet(region[k]);
        EXPECT_EQ(met, wanted);
    }
}

}  // namespace
}  // namespace smeaton::gir
