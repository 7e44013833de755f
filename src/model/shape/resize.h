// Resize with every version's spelling resolved.
#pragma once

#include "model/shape/view.h"

namespace smeaton::model {

/// Vectors have one entry per dim of the operand.
struct ResizeChoice {
    std::string mode;  ///< nearest, linear, cubic
    /// half_pixel, half_pixel_symmetric, pytorch_half_pixel, align_corners, asymmetric,
    /// tf_half_pixel_for_nn, tf_crop_and_resize. Version 10 means asymmetric.
    std::string coordinates;
    std::string
        nearest;  ///< round_prefer_floor, round_prefer_ceil, floor, ceil (version 10: floor)
    double cubic_a = -0.75;
    bool exclude_outside = false;
    bool antialias = false;
    double extrapolation = 0;
    std::vector<double> scales;     ///< output / input as the node gives it, or from the sizes
    std::vector<double> roi_start;  ///< tf_crop_and_resize only: begin and end in units of the dim
    std::vector<double> roi_end;
    Shape output;
};

/// Where a dim is symbolic and sizes are given, its scale is NaN.
ResizeChoice resize_of(const NodeView&);

}  // namespace smeaton::model
