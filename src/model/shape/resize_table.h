// The arithmetic of Resize along one axis: which input positions an output position reads and with
// what weights.
#pragma once

#include <vector>

#include "model/shape/resize.h"

namespace smeaton::model {

/// Where along one axis the output positions lie, in coordinates of the input.
struct ResizeAxis {
    int64_t in = 0, out = 0;
    double scale = 1;
    double roi_start = 0, roi_end = 1;  ///< tf_crop_and_resize only
};

/// Row i: `taps` positions and weights, and whether position i is extrapolated (its weights are 0).
struct ResizeTable {
    int64_t taps = 1;
    std::vector<int64_t> position;
    std::vector<double> weight;
    std::vector<bool> outside;

    bool extrapolates() const;
    /// Output i is input i and nothing else.
    bool identity(int64_t in) const;
};

ResizeTable resize_table(const ResizeChoice&, const ResizeAxis&);

/// Linear without antialias, for integers: the element at or below the source and the next one (the
/// last element twice, half and half), as pairs of single precision.
ResizeTable blend_table(const ResizeChoice&, const ResizeAxis&);

/// With antialias, for integers: weights in single precision, operation by operation as ONNX
/// Runtime and Pillow; what falls on elements outside is added to the first and the last.
ResizeTable antialias_table(const ResizeChoice&, const ResizeAxis&);

}  // namespace smeaton::model
