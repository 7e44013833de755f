// Element types and declared shapes as the format spells them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/onnx/schema.pb.h"
#include "tensor/dim.h"
#include "tensor/dtype.h"

namespace smeaton::model::onnx {

/// The element type of format number `data_type`; nothing for undefined, complex and unknown ones.
std::optional<tensor::DType> dtype_of(int32_t data_type);
/// For messages: "f32", "complex64", "element type 99".
std::string dtype_words(int32_t data_type);

/// "a sequence", "an optional", ... when `type` is not a dense tensor; empty when it is.
std::string non_tensor_words(const onnx_format::Type& type);

/// The shape of graph input `input`. A size that the file does not say (absent, "", "?", -1, 0)
/// becomes a parameter of its own, "input:axis"; a named size the parameter of that name. Nothing
/// when the rank is unknown.
std::optional<std::vector<tensor::Dim>> input_shape(const onnx_format::Type& type,
                                                    const std::string& input);

/// A declared shape of any other value when every size is a known number; else nothing.
std::optional<std::vector<tensor::Dim>> known_shape(const onnx_format::Type& type);

}  // namespace smeaton::model::onnx
