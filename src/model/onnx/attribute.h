// Attributes of a node, apart from subgraphs.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "model/graph.h"
#include "model/onnx/schema.pb.h"

namespace smeaton::model::onnx {

struct ReadAttribute {
    std::optional<Attribute> value;
    std::string unsupported;  ///< why there is no value: "attribute 'a' is a list of tensors"
};

struct AttributeReaders {
    std::function<Tensor(const onnx_format::Tensor&)> tensor;
    std::function<GraphPtr(const onnx_format::Graph&)> graph;
};

/// UserError where the attribute does not hold what its type says, or its type is unknown.
ReadAttribute read_attribute(const onnx_format::Attribute&, const AttributeReaders&);

/// Bytes of the attribute's own lists and texts once read (tensors are shared, subgraphs counted
/// alone).
int64_t attribute_bytes(const onnx_format::Attribute&);

}  // namespace smeaton::model::onnx
