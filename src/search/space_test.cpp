#include "search/space.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "search/test_spaces.h"

namespace smeaton::search {

namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Space space_of(const TestFolder& folder, const std::string& text) {
    folder.write("base.json", kTestBase);
    return read_space(folder.write("space.yaml", text), open_simdit_base);
}

std::string refusal(const std::string& text) {
    const TestFolder folder;
    try {
        refuse_empty(space_of(folder, text));
        return "";
    } catch (const UserError& error) {
        return error.what();
    }
}

const char* const kTwo =
    "base: base.json\nvary:\n  IBUF_AXI_DATA_WIDTH: {from: 8, to: 64, factor: 2}\n"
    "  OBUF_AXI_DATA_WIDTH: {values: [48, 16, 32]}\n";

}  // namespace

TEST(Space, ValuesAreListedOrRun) {
    const TestFolder folder;
    const Space s = space_of(
        folder, std::string(kTwo) + "  SIMD_AXI_DATA_WIDTH: {from: 10, to: 32, step: 10}\n");
    EXPECT_THAT(s.axes[0].values, ElementsAre(8, 16, 32, 64));
    EXPECT_THAT(s.axes[1].values, ElementsAre(16, 32, 48));
    EXPECT_THAT(s.axes[2].values, ElementsAre(10, 20, 30));
    EXPECT_EQ(grid_points(s), 36);
    EXPECT_EQ(name_of(s, {3, 0, 1}),
              "IBUF_AXI_DATA_WIDTH=64 OBUF_AXI_DATA_WIDTH=16 SIMD_AXI_DATA_WIDTH=20");
}

TEST(Space, CapsWeighSettingsAndCountThePointsThatMeetThem) {
    const TestFolder folder;
    // The key that does not vary counts with the base's value, 64.
    const Space s =
        space_of(folder, std::string(kTwo) +
                             "caps:\n  ports: {sum: {IBUF_AXI_DATA_WIDTH: 1, "
                             "OBUF_AXI_DATA_WIDTH: 2, SIMD_AXI_DATA_WIDTH: 1}, min: 120, "
                             "max: 160}\n");
    int met = 0;
    for_each_point(s, [&](const Point& p) {
        const double sum = value(s, p, 0) + 2 * value(s, p, 1) + 64;
        EXPECT_TRUE(sum >= 120 && sum <= 160 && meets_sums(s, p)) << name_of(s, p);
        ++met;
        return true;
    });
    EXPECT_EQ(met, 5);
    EXPECT_EQ(points_within(s), 5);
    Box box = whole(s);
    EXPECT_TRUE(narrow(s, box));
    EXPECT_EQ(s.axes[1].values[box[1].high], 32);  // 48 twice leaves no room
}

TEST(Space, ANegativeWeightTiesSettings) {
    const TestFolder folder;
    const Space s = space_of(folder,
                             "base: base.json\nvary:\n  ARRAY_N: {values: [2, 4, 8]}\n"
                             "  ARRAY_M: {values: [2, 4, 16]}\ncaps:\n  square: {sum: {ARRAY_N: 1, "
                             "ARRAY_M: -1}, min: 0, max: 0}\n");
    EXPECT_EQ(points_within(s), 2);
}

TEST(Space, FiguresThatAreSumsAreCaps) {
    const TestFolder folder;
    const Space s = space_of(folder, std::string(kTwo) + "caps:\n  bandwidth_gb_s: 35\n");
    ASSERT_EQ(s.sums.size(), 1u);
    // 0.15625 GB/s a bit: 224 bits, of which 128 are the other two ports.
    EXPECT_EQ(points_within(s), 11);
}

TEST(Space, RefusalsNameTheKey) {
    const std::string base = "base: base.json\nvary:\n";
    EXPECT_THAT(refusal(base + "  ARRAY_X: {values: [1]}\n"), HasSubstr("unknown key 'ARRAY_X': "));
    EXPECT_THAT(refusal(base + "  ARRAY_X: {values: [1]}\n"), HasSubstr("nearest: 'ARRAY_N'"));
    EXPECT_THAT(refusal(base + "  ARRAY_N: {values: []}\n"),
                HasSubstr("vary: 'ARRAY_N': 'values' must be a list"));
    EXPECT_THAT(
        refusal(base + "  ARRAY_N: {from: 8, to: 4, factor: 2}\n"),
        AllOf(HasSubstr("space.yaml:3: vary: 'ARRAY_N'"), HasSubstr("'from' 8 is above 'to' 4")));
    EXPECT_THAT(refusal(base + "  ARRAY_N: {from: 2, to: 4, factor: 1}\n"),
                HasSubstr("'factor' 1 must be above 1"));
    EXPECT_THAT(refusal(base + "  ARRAY_N: {from: 2, to: 4}\n"),
                HasSubstr("'ARRAY_N': key 'factor' is missing"));
    EXPECT_THAT(refusal(base + "  ARRAY_N: {values: [4, 4]}\n"),
                HasSubstr("value 4 is given twice"));
    EXPECT_THAT(refusal(base + "  ARRAY_N: {values: [2.5]}\n"),
                HasSubstr("2.5 is no whole number from 1"));
    EXPECT_THAT(refusal(base + "  ARRAY_N: {values: [4], fro: 3}\n"), HasSubstr("'fro'"));
    EXPECT_THAT(refusal("base: gone.json\nvary: {ARRAY_N: {values: [4]}}\n"),
                AllOf(HasSubstr("'base'"), HasSubstr("gone.json")));
    EXPECT_THAT(refusal("vary: {ARRAY_N: {values: [4]}}\n"), HasSubstr("'base' is missing"));
    EXPECT_THAT(refusal("base: base.json\n"), HasSubstr("'vary' must name at least one"));
    EXPECT_THAT(refusal(std::string(kTwo) + "caps:\n  area_mm2: 3\n"),
                AllOf(HasSubstr("'area_mm2' is no figure of this base"), HasSubstr("sram_bytes")));
    EXPECT_THAT(refusal(std::string(kTwo) + "caps:\n  a: {sum: {ARRAY_Q: 1}, max: 3}\n"),
                HasSubstr("unknown key 'ARRAY_Q'"));
    EXPECT_THAT(refusal(std::string(kTwo) + "caps:\n  a: {sum: {ARRAY_N: 1}}\n"),
                HasSubstr("needs 'min' or 'max'"));
    EXPECT_THAT(refusal("base: [\n"), HasSubstr("not YAML"));
    EXPECT_THAT(refusal(std::string(kTwo) + "technology: 45mn\n"), HasSubstr("nearest: '45nm'"));
    EXPECT_THAT(refusal(std::string(kTwo) + "dram_pj_per_byte: 3\n"),
                HasSubstr("goes with 'technology'"));
}

TEST(Space, CapsThatLeaveNothingNameThemselvesAndTheNearestPoint) {
    const std::string over =
        refusal(std::string(kTwo) +
                "caps:\n  wide: {sum: {IBUF_AXI_DATA_WIDTH: 1}, max: 64}\n"
                "  tight: {sum: {IBUF_AXI_DATA_WIDTH: 1, OBUF_AXI_DATA_WIDTH: 1}, max: 20}\n");
    EXPECT_THAT(over, AllOf(HasSubstr("'tight' leaves no point"),
                            HasSubstr("IBUF_AXI_DATA_WIDTH=8 OBUF_AXI_DATA_WIDTH=16, has 24, and "
                                      "20 is the most")));
    const std::string under =
        refusal(std::string(kTwo) + "caps:\n  much: {sum: {OBUF_AXI_DATA_WIDTH: 2}, min: 100}\n");
    EXPECT_THAT(under, HasSubstr("has 96, and 100 is the least"));
}

}  // namespace smeaton::search
