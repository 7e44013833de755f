// Resize with every version's spelling resolved; Upsample is Resize before it had its name.
#pragma once

#include "model/shape/view.h"

namespace smeaton::model {

/// Vectors have one entry per dim of the operand.
struct ResizeChoice {
    std::string mode;  ///< nearest, linear, cubic
    /// half_pixel, half_pixel_symmetric, pytorch_half_pixel, align_corners, asymmetric,
    /// tf_half_pixel_for_nn, tf_crop_and_resize. Before version 11 asymmetric.
    std::string coordinates;
    /// round_prefer_floor, round_prefer_ceil, floor, ceil. Before version 11 "inwards": floor where
    /// the dim grows, ceil where it shrinks.
    std::string nearest;
    double cubic_a = -0.75;
    bool exclude_outside = false;
    bool antialias = false;
    double extrapolation = 0;
    std::vector<double> scales;     ///< output / input as the node gives it, or from the sizes
    std::vector<double> roi_start;  ///< tf_crop_and_resize only: begin and end in units of the dim
    std::vector<double> roi_end;
    Shape output;

    /// The output is the operand: no dim changes, whatever scales and region say.
    bool keeps(const Shape& operand) const { return output == operand; }
};

/// Where a dim is symbolic and sizes are given, its scale is NaN.
ResizeChoice resize_of(const NodeView&);

}  // namespace smeaton::model
