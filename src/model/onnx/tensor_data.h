// Constant data of a file, in every encoding of the format, as Tensors.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "model/onnx/external_data.h"
#include "model/onnx/schema.pb.h"
#include "tensor/tensor.h"

namespace smeaton::model::onnx {

/// Where the bytes of a model come from.
struct Source {
    std::span<const std::byte> file;   ///< the whole model file
    std::shared_ptr<const void> keep;  ///< keeps `file` alive
    bool is_mapping = false;           ///< `file` is a mapping: what was copied out may be let go
    ExternalFiles external;
};

/// Decodes a tensor that came through scan_wire. Raw and external data become views of the file
/// where they are aligned for their element type, otherwise a copy. UserError, without the tensor's
/// name, where sizes are negative, where the data are not exactly the elements that the sizes ask
/// for, where the element type has no DType; nothing is allocated before.
tensor::Tensor decode_tensor(const onnx_format::Tensor&, Source&);

}  // namespace smeaton::model::onnx
