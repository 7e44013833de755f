#include "search/phaze/chip.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace smeaton::search::phaze {
namespace {

TEST(Chip, TheSpaceHasItsPoints) {
    const std::vector<Chip> points = space();
    EXPECT_EQ(points.size(), 29'360U);
    EXPECT_NEAR(area_budget_um2(), 278'826'676.312, 5e-8 * 278'826'676.312);
    EXPECT_NEAR(area_um2({16, 4, 128, 128, 128}), 382'230'352.624, 5e-8 * 382'230'352.624);
    EXPECT_NEAR(area_um2({64, 64, 64, 64, 64}), 298'747'858.313, 5e-8 * 298'747'858.313);
    std::set<std::tuple<int, int, int, int>> tensor;
    std::set<std::tuple<int, int, int>> vector;
    std::map<int64_t, int, std::greater<>> buckets;
    int over = 0, kept = 0;
    for (const Chip& c : points) {
        tensor.insert({c.n_tc, c.width, c.depth, c.buffer_mb});
        vector.insert({c.n_vc, c.width, c.buffer_mb});
        ++buckets[static_cast<int64_t>(area_um2(c) / 10'000)];
        EXPECT_LE(area_um2(c), area_budget_um2());
        ++kept;
    }
    EXPECT_EQ(tensor.size(), 4'186U);
    EXPECT_EQ(vector.size(), 697U);
    EXPECT_EQ(buckets.size(), 13'506U);
    int of_five = 0, of_ten = 0, at = 0;
    for (const auto& [bucket, count] : buckets) {
        if (at < 5) of_five += count;
        if (at++ < 10) of_ten += count;
    }
    EXPECT_EQ(of_five, 8);
    EXPECT_EQ(of_ten, 17);
    for (int n = 1; n <= 4096; n *= 2)
        for (int v = 1; v <= 4096; v *= 2)
            for (int w = 2; w <= 256; w *= 2)
                for (int d = 2; d <= 256; d *= 2)
                    for (int mb = 2; mb <= 128; mb *= 2)
                        over += area_um2({n, v, w, d, mb}) > area_budget_um2();
    EXPECT_EQ(over, 23'769);
    EXPECT_EQ(kGridPoints - over - kept, 22'583);
    EXPECT_TRUE(std::is_sorted(points.rbegin(), points.rend()));
}

TEST(Chip, CoresFormAMesh) {
    EXPECT_EQ(mesh_of(1).x, 1);
    EXPECT_EQ(mesh_of(8).x, 4);
    EXPECT_EQ(mesh_of(8).y, 2);
    EXPECT_EQ(mesh_of(16).x, 4);
}

}  // namespace
}  // namespace smeaton::search::phaze
