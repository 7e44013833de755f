#include "search/phaze/chip.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>

#include "base/error.h"

namespace smeaton::search::phaze {

namespace {

// um2 of a core's SRAM of 1, 2, 4, … KB and of a buffer of 2, 4, … MB (CACTI through Accelergy, as
// PHAZE ships them), of a multiply-add and of a lane with their registers.
constexpr double kCoreSram[] = {6133.98, 8248.43, 12610.5, 22139.9, 38583.0, 63338.4,
                                115579,  204764,  446565,  897890,  1634130};
constexpr double kBuffer[] = {3338220, 6078640, 11952400, 23745200, 46750900, 88605700, 175423000};
constexpr double kMultiplyAdd = 760.041386, kLane = 759.823853;
constexpr double kLeastOfBudget = 0.3;

/// `size` / 64 KB, at least 1.
double core_sram_um2(int64_t size) {
    const int64_t kb = std::max<int64_t>(1, size / 64);
    const auto at = static_cast<size_t>(std::bit_width(static_cast<uint64_t>(kb)) - 1);
    SMEATON_CHECK(at < std::size(kCoreSram), "a core's memory of {} KB", kb);
    return kCoreSram[at];
}

double buffer_um2(int mb) {
    const auto at = static_cast<size_t>(std::bit_width(static_cast<uint64_t>(mb)) - 2);
    SMEATON_CHECK(at < std::size(kBuffer), "a buffer of {} MB", mb);
    return kBuffer[at];
}

}  // namespace

double area_um2(const Chip& c) {
    const int64_t units = static_cast<int64_t>(c.width) * c.depth;
    return c.n_tc * (kMultiplyAdd * static_cast<double>(units) + core_sram_um2(units)) +
           c.n_vc * (kLane * c.width + core_sram_um2(c.width)) + buffer_um2(c.buffer_mb);
}

double area_budget_um2() {
    return area_um2({8, 2, 128, 128, 128});
}

std::vector<Chip> space() {
    const double budget = area_budget_um2();
    std::vector<Chip> points;
    for (int n_tc = 4096; n_tc >= 1; n_tc /= 2)
        for (int n_vc = 4096; n_vc >= 1; n_vc /= 2)
            for (int width = 256; width >= 2; width /= 2)
                for (int depth = 256; depth >= 2; depth /= 2)
                    for (int mb = 128; mb >= 2; mb /= 2) {
                        const Chip chip{n_tc, n_vc, width, depth, mb};
                        const double area = area_um2(chip);
                        if (area > budget) continue;
                        if (area >= kLeastOfBudget * budget || n_tc == 1 || n_vc == 1)
                            points.push_back(chip);
                    }
    return points;
}

double core_bytes(const Chip& c) {
    return std::max(1024.0, 16.0 * c.width * c.depth);
}

double buffer_bytes(const Chip& c) {
    return 1048576.0 * c.buffer_mb;
}

Mesh mesh_of(int cores) {
    const int log = std::bit_width(static_cast<unsigned>(cores)) - 1;
    const int one = 1 << (log / 2), other = cores / one;
    return {std::max(one, other), std::min(one, other)};
}

std::string name_of(const Chip& c) {
    return fmt::format("n_tc={} n_vc={} width={} depth={} buffer_mb={}", c.n_tc, c.n_vc, c.width,
                       c.depth, c.buffer_mb);
}

}  // namespace smeaton::search::phaze
