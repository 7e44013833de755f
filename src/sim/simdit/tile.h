// SimDIT's greedy tile searches. A tile of DRAM size T of a dim of size X makes X/T passes, which
// need not be whole. All searches start from the smallest tile and grow one dim after another.
#pragma once

#include "sim/simdit/hardware.h"
#include "sim/simdit/operation.h"

namespace smeaton::sim::simdit {

inline int64_t ceil_div(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}
inline int64_t round_up(int64_t a, int64_t b) {
    return ceil_div(a, b) * b;
}

/// The array's operation with its channels padded: ic to the rows, oc to the columns.
Sizes padded_for_array(const Sizes&, const Hardware&);
/// Channels padded to the lanes.
Sizes padded_for_lanes(const Sizes&, const Hardware&);

struct ArrayTile {
    int64_t ow = 1, oh = 1, n = 1, kw = 1, kh = 1, ic = 1, oc = 1;
    int64_t iw = 1, ih = 1;  ///< (ow - 1) * stride + kw
    friend bool operator==(const ArrayTile&, const ArrayTile&) = default;
};
/// For padded sizes. Kernel, then input channels, then the image, the batch, output channels: each
/// step grows with the buffers as long as those before it stay, so that the same tile at the least
/// and at the largest of a range of buffers is the tile of all of them.
ArrayTile array_tile(const Sizes&, const Hardware&);

struct VectorTile {
    int64_t n = 1, c = 1, h = 1, w = 1;  ///< of the result
    int64_t elements() const { return n * c * h * w; }
};
/// For sizes padded for the lanes. Image, channels, batch; where channels hold statistics image,
/// batch, channels. UserError where the window of a pooling does not fit with one pixel.
VectorTile vector_tile(Kind, const Sizes&, const Hardware&);
/// Elements of the input that a pooling reads for a tile.
int64_t window_elements(const VectorTile&, const Sizes&);

}  // namespace smeaton::sim::simdit
