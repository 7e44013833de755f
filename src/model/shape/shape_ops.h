// Shape, Constant, ConstantOfShape, Range with every version's spelling resolved.
#pragma once

#include "model/shape/view.h"

namespace smeaton::model {

/// Shape: the dims [begin, end) of the operand that are told.
struct DimRange {
    int64_t begin = 0;
    int64_t end = 0;
};
DimRange shape_range(const NodeView&);
/// Constant: the tensor that the node stands for; UserError for sparse and missing values.
Tensor constant_value(const NodeView&);
/// ConstantOfShape: one element of the value it repeats.
Tensor fill_value(const NodeView&);

}  // namespace smeaton::model
