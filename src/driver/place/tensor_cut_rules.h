// How a split axis goes through an operator (tensor_cut.h).
#pragma once

#include <optional>
#include <vector>

#include "driver/place/tensor_cut.h"
#include "model/shape/view.h"

namespace smeaton::driver {

constexpr int64_t kWholeAxis = -1;

struct Spread {
    std::vector<int64_t> axes;  ///< by result; kWholeAxis: whole on each device
    TensorCut::Part part = TensorCut::Part::kWhole;  ///< of a contraction
    bool sum = false;                                ///< devices hold parts that they add up
    std::vector<size_t> constants;  ///< operands: weights of which a device has a part
};

/// `axes`: by operand, at least one of them split over t devices. Nothing: the operator needs one
/// of them whole, or no rule is known for it.
std::optional<Spread> spread(const model::NodeView&, const std::vector<int64_t>& axes, int t);
/// A product with a weight, of an operand that is whole: a t-th of its columns on each device.
/// Nothing: no such product, or t does not divide them.
std::optional<Spread> split_columns(const model::NodeView&, int t);

}  // namespace smeaton::driver
