// PHAZE's template of an accelerator, its space, and the areas of its points (Wang and others, ICML
// 2024; docs/phaze.md).
//
// A chip has n_tc tensor cores (width x depth multiply-adds each), n_vc vector cores (width lanes)
// and one buffer that all share. Core k of both types forms a pair for operators that are fused.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace smeaton::search::phaze {

struct Chip {
    int n_tc = 1, n_vc = 1;
    int width = 2, depth = 2;
    int buffer_mb = 2;  ///< of 2^20 bytes

    friend auto operator<=>(const Chip&, const Chip&) = default;
};

/// GHz, for which PHAZE's cycles count.
constexpr double kClockGhz = 1.05;

/// um2, from published areas of parts (22 nm over tables of 45 nm): multiply-adds and lanes with
/// their registers, an SRAM for each core, the buffer. No links, no control, no memory interface.
double area_um2(const Chip&);
/// {8 tensor cores of 128 x 128, 2 vector cores, 128 MB}: what a chip may take.
double area_budget_um2();

/// The points within the budget that take at least 0.3 of it or have one core of a type, in the
/// order of PHAZE's loops: n_tc, n_vc, width, depth, buffer, each from large to small.
std::vector<Chip> space();
/// Points that the loops run over: those within, below and above.
constexpr int kGridPoints = 13 * 13 * 8 * 8 * 7;

/// Bytes of a tensor core's memory, at least 1 KB.
double core_bytes(const Chip&);
double buffer_bytes(const Chip&);

/// All n cores as a mesh: the larger side first.
struct Mesh {
    int x = 1, y = 1;
};
Mesh mesh_of(int cores);

/// "n_tc=8 n_vc=2 width=128 depth=128 buffer_mb=128"
std::string name_of(const Chip&);

}  // namespace smeaton::search::phaze
