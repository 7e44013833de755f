// Sliding windows of convolutions and pools: attributes, padding, coordinates.
#pragma once

#include "lower/builder.h"

namespace smeaton::lower {

/// Per spatial axis; `begin` and `end` are the padding, already resolved from auto_pad.
struct Window {
    Shape kernel, stride, dilation, begin, end;

    size_t rank() const { return kernel.size(); }
    /// Extent of the dilated kernel.
    int64_t span(size_t d) const { return (kernel[d] - 1) * dilation[d] + 1; }
};

/// Reads strides, dilations, pads and auto_pad. `spatial`: extents of the input.
Window read_window(NodeContext&, const Shape& kernel, const Shape& spatial);

/// Axis names of output positions ("oh", "ow") and of kernel taps ("r", "s"), by spatial rank.
std::string out_axis_name(size_t d, size_t rank);
std::string tap_name(size_t d, size_t rank);

/// Extents after batch and channels.
Shape spatial_of(const Shape&);

/// The same values as f32 when they are f16 or bf16 (by a kernel of its own, made once for
/// weights).
Buf widened(NodeContext&, const Buf&);

}  // namespace smeaton::lower
