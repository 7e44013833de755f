// Windows of convolutions and poolings: kernel, stride, dilation, padding, output size per spatial
// dim, with auto_pad, ceil_mode, output_shape and every default resolved.
#pragma once

#include <vector>

#include "model/shape/view.h"

namespace smeaton::model {

/// All vectors have one entry per spatial dim.
struct Window {
    std::vector<int64_t> kernel;
    std::vector<int64_t> strides;
    std::vector<int64_t> dilations;
    /// Rows added in front. Empty where auto_pad meets an unbound dim, else as long as the others.
    std::vector<int64_t> pads_begin;
    /// Rows added behind; negative crops. With ceil_mode the last window may reach beyond them.
    std::vector<int64_t> pads_end;
    Shape input;
    Shape output;
};

/// Conv: x [n, c, spatial...], w [m, c/group, kernel...].
Window conv_window(const NodeView&);
/// ConvTranspose: x [n, c, spatial...], w [c, m/group, kernel...]. Output o collects the inputs i
/// with o = i*stride + k*dilation - pads_begin.
Window conv_transpose_window(const NodeView&);
/// MaxPool, AveragePool: x [n, c, spatial...].
Window pool_window(const NodeView&);
/// AveragePool: by how many elements the sum at output position `o` of spatial dim d is divided (1
/// where the window lies outside); padding counts with `include_pad`. Dims must be numbers.
int64_t averaged_taps(const Window&, size_t d, int64_t o, bool include_pad);

}  // namespace smeaton::model
