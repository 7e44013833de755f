#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>

#include "base/error.h"
#include "solver/constraint.h"
#include "solver/library.h"
#include "solver/linear.h"

namespace smeaton::solver {
namespace {

// max 5 a + 4 b, 6 a + 4 b <= 24, a + 2 b <= 6: 21 at (3, 1.5); whole: 20 at (4, 0).
LinearProblem small(bool whole) {
    LinearProblem p;
    p.add({0, 10, whole, -5});
    p.add({0, 10, whole, -4});
    p.rows = {{-kUnbounded, 24, {{0, 6}, {1, 4}}}, {-kUnbounded, 6, {{0, 1}, {1, 2}}}};
    return p;
}

#define SKIP_WITHOUT(missing) \
    if (!(missing).empty()) GTEST_SKIP() << (missing)

TEST(Linear, FindsTheBestOfVerticesAndOfWholePoints) {
    SKIP_WITHOUT(highs_missing());
    Answer real = minimise(small(false), {});
    EXPECT_EQ(real.ended, Ended::Optimal);
    EXPECT_NEAR(real.objective, -21, 1e-6);
    EXPECT_NEAR(real.values[1], 1.5, 1e-6);
    EXPECT_NEAR(real.bound, -21, 1e-6);
    Answer whole = minimise(small(true), {}, {0, 0});
    EXPECT_NEAR(whole.objective, -20, 1e-6);
    EXPECT_NEAR(whole.bound, -20, 1e-4);
}

TEST(Linear, SaysWhatCannotBe) {
    SKIP_WITHOUT(highs_missing());
    LinearProblem p = small(true);
    p.rows.push_back({100, kUnbounded, {{0, 1}}});
    EXPECT_EQ(minimise(p, {}).ended, Ended::Infeasible);
}

// Two intervals of 3 and 4, and one of 2 behind the first, on one place: 9; on two: 5.
ConstraintProblem line(int64_t capacity) {
    ConstraintProblem p;
    std::vector<int64_t> sizes = {3, 4, 2};
    int last = p.add({0, 20});
    Resource r{capacity, {}, {}};
    for (int64_t size : sizes) {
        int begin = p.add({0, 20});
        int end = p.add({0, 20});
        r.intervals.push_back(static_cast<int>(p.intervals.size()));
        r.amounts.push_back(1);
        p.intervals.push_back({{{{begin, 1}}, 0}, {{}, size}, {{{end, 1}}, 0}, {}});
        p.rows.push_back({{{{last, 1}, {end, -1}}, 0}, 0, 20, {}});
    }
    p.rows.push_back({{{{5, 1}, {2, -1}}, 0}, 0, 20, {}});
    p.resources.push_back(r);
    p.objective = {{{last, 1}}, 0};
    return p;
}

TEST(Constraint, IntervalsShareTheirResource) {
    SKIP_WITHOUT(cp_sat_missing());
    for (auto [capacity, best] : std::vector<std::pair<int64_t, double>>{{1, 9}, {2, 5}}) {
        Answer answer = minimise(line(capacity), {});
        EXPECT_EQ(answer.ended, Ended::Optimal);
        EXPECT_EQ(answer.objective, best);
        EXPECT_EQ(answer.bound, best);
        EXPECT_EQ(answer.values[0], best);
    }
}

TEST(Constraint, LiteralsSwitchRows) {
    SKIP_WITHOUT(cp_sat_missing());
    // x >= 5 unless y, which costs 3: y is taken.
    ConstraintProblem p;
    int x = p.add({0, 9}), y = p.add({0, 1}), z = p.add({0, 1});
    p.rows.push_back({{{{x, 1}}, 0}, 5, 9, {not_(y)}});
    p.one_of.push_back({y, z});
    p.any_of.push_back({y, not_(z)});
    p.objective = {{{x, 1}, {y, 3}}, 1};
    Answer answer = minimise(p, {});
    EXPECT_EQ(answer.objective, 4);
    EXPECT_EQ(answer.values[static_cast<size_t>(y)], 1);
    p.rows.push_back({{{{x, 1}}, 0}, 10, 20, {}});
    EXPECT_EQ(minimise(p, {}).ended, Ended::Infeasible);
}

TEST(Constraint, InterruptsStayTheCallers) {
    SKIP_WITHOUT(cp_sat_missing());
    void (*handler)(int) = [](int) {};
    auto before = std::signal(SIGINT, handler);
    minimise(line(1), {});
    EXPECT_EQ(std::signal(SIGINT, before), handler);
}

TEST(Library, ABrokenOneIsPassedOver) {
    Library found =
        load_library({"SMEATON_NO_OTHER", {}, {"/proc/self/maps", "libc.so.6"}, "nothing"});
    EXPECT_NE(found.handle, nullptr);
    EXPECT_EQ(found.path, "libc.so.6");
    EXPECT_EQ(found.missing, "");
}

TEST(Library, WhatIsMissingIsNamedWithWhatToInstall) {
    Library none = load_library(
        {"SMEATON_NO_SUCH", {"no_such_package/lib*"}, {"libnosuch.so"}, "pip install no_such"});
    EXPECT_EQ(none.handle, nullptr);
    EXPECT_EQ(none.missing, "it is not installed: pip install no_such");
    setenv("SMEATON_NO_SUCH", "/no/such/file", 1);
    none = load_library({"SMEATON_NO_SUCH", {}, {"libc.so.6"}, "pip install no_such"});
    EXPECT_EQ(none.missing,
              "SMEATON_NO_SUCH is '/no/such/file', which cannot be loaded; pip install no_such");
}

}  // namespace
}  // namespace smeaton::solver
