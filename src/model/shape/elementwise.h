// Broadcasting of elementwise operators, and the target of Cast.
#pragma once

#include "model/shape/view.h"

namespace smeaton::model {

/// The shapes of a broadcasting node's operands, each with as many dims as the output (ones put in
/// front, or around the dims that the attribute `axis` of versions before 7 names).
/// For Add Sub Mul Div Sum Mod Pow Max Min Equal Less Greater LessOrEqual GreaterOrEqual And Or
/// Where and the unary ones.
std::vector<Shape> aligned_operands(const NodeView&);

/// The dtype that Cast's attribute `to` names (ONNX's numbering); UserError when it is none of
/// ours.
DType cast_target(const NodeView&);
/// ONNX's TensorProto.DataType number -> dtype.
std::optional<DType> dtype_of_onnx(int64_t number);
/// The number that ONNX gives a dtype.
int64_t onnx_number(DType);

/// Dropout that leaves its operand alone. UserError for the training form, which is random.
/// (Training with ratio 0 is legal and leaves it alone too.)
void check_dropout_is_identity(const NodeView&);

}  // namespace smeaton::model
