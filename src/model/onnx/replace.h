// A model file with other values in its initializers, all else as it was.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "tensor/tensor.h"

namespace smeaton::model::onnx {

/// The bytes of the model file `path` with these values in place of the initializers of the same
/// name and element type; where a name is no initializer but the output of an Identity (as
/// exporters tie equal initializers), the node gives way to an initializer. Data in files beside
/// the model comes into the file itself. UserError on a name that is neither, on another size, and
/// where the result would exceed 2 GB, which the format allows no more of.
std::string with_initializers(const std::filesystem::path& path,
                              const std::map<std::string, tensor::Tensor>& values);

}  // namespace smeaton::model::onnx
