// What a kernel contracts: the one answer to "is this a matrix product or a convolution, of what
// size", for layouts, tiling, schedulers and models of published chips.
//
//   parallel k: 24, oh: 112, ow: 112 any
//     mma acc[] += x[0,c,oh*2+r-1,ow*2+s-1] within (…) * w[k,c,r,s] over c: 3, r: 3, s: 3
//   …
//   m [oh: 112, ow: 112], n [k: 24], k [c: 3], taps [r: 3 of oh step 2 before 1, s: 3 of ow step 2
//   before 1]; f32 * f32 -> f32
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gir/program.h"

namespace smeaton::gir {

struct ContractionAxis {
    Name name;
    int64_t extent = 1;
    friend bool operator==(const ContractionAxis&, const ContractionAxis&) = default;
};

/// A contracted dim that slides over a dim of the data: coordinate = position * stride + tap *
/// dilation - before.
struct ContractionTap {
    ContractionAxis tap;
    Name position;  ///< the axis of `m` (or `batch`) that shares the coordinate
    int64_t stride = 1;
    int64_t dilation = 1;
    int64_t before = 0;  ///< elements in front of the first: padding
    friend bool operator==(const ContractionTap&, const ContractionTap&) = default;
};

struct ContractionShape {
    const Op* mma = nullptr;  ///< of the kernel asked about
    size_t data = 0;          ///< which source of mma moves with `m`; the other one is the weight
    std::vector<ContractionAxis> batch;  ///< in data, weight and result: batches, groups, depth
    std::vector<ContractionAxis> m;      ///< in data and result: rows, positions
    std::vector<ContractionAxis> n;      ///< in weight and result: columns, output channels
    std::vector<ContractionAxis> k;      ///< in data and weight, contracted, without taps
    std::vector<ContractionTap> taps;
    DType data_dtype = DType::kF32, weight_dtype = DType::kF32, sum_dtype = DType::kF32;

    const Slice& data_slice() const { return std::get<Slice>(mma->srcs[data]); }
    const Slice& weight_slice() const { return std::get<Slice>(mma->srcs[1 - data]); }
};

/// Product of the extents; 1 for none.
int64_t size_of(const std::vector<ContractionAxis>&);
/// Positions of the window: product of the taps' extents.
int64_t size_of(const std::vector<ContractionTap>&);

/// Of a kernel as lowering, fusion and layouts leave it: loops around one mma over two buffers into
/// a tile of their own, all extents numbers. Nothing for any other kernel, and where an operand has
/// computed coordinates or an axis is in no operand.
/// Where one coordinate of an operand holds both an axis of the result and a contracted dim, that
/// operand is the data; without such a coordinate the first source is.
std::optional<ContractionShape> contraction_of(const Kernel&, const Program&);

/// The text above.
std::string str(const ContractionShape&);

}  // namespace smeaton::gir
