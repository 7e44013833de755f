// Names and shapes that convolutions and pools share; the windows are model/shape's.
#pragma once

#include "lower/builder.h"
#include "model/shape/window.h"

namespace smeaton::lower {

using model::Window;

/// Axis names of output positions ("oh", "ow") and of kernel taps ("r", "s"), by spatial rank.
std::string out_axis_name(size_t d, size_t rank);
std::string tap_name(size_t d, size_t rank);

/// Extents after batch and channels.
Shape spatial_of(const Shape&);

/// The same values as f32 when they are f16 or bf16 (by a kernel of its own, made once for
/// weights).
Buf widened(NodeContext&, const Buf&);

}  // namespace smeaton::lower
