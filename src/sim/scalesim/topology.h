// SCALE-Sim's topology files: one layer a row, the first row a heading, a comma at every end.
//
//     Layer, M, N, K,
//     Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter,
//         Strides,                               # or: Stride Height, Stride Width,
//
// Both may end in a sparsity ratio N:M. What stands behind an empty column, and a word in the last,
// is a remark. Padding is not modelled: heights and widths carry it. A row whose name has "DP" in
// it is depthwise: as many layers of one channel.
#pragma once

#include <string>
#include <vector>

#include "sim/scalesim/scalesim.h"

namespace smeaton::sim::scalesim {

/// UserError names file, line and column: rows of neither form, numbers that are no whole numbers
/// above 0, sizes whose product is beyond 2^56, filters larger than their input, ratios that leave
/// something out (SCALE-Sim's sparsity is not restated), rows of different forms in one file, no
/// row at all.
std::vector<Product> read_topology_file(const std::string& path);
std::vector<Product> parse_topology(const std::string& csv, const std::string& file);

}  // namespace smeaton::sim::scalesim
