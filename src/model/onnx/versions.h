// Operator versions of the ai.onnx operator set: which version of an operator is in force in a
// file.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "model/op_list.h"

namespace smeaton::model::onnx {

inline constexpr int kOldestOpset = 6;  ///< operators as they stood before are refused by name
inline constexpr int kNewestOpset = 27;
inline constexpr int kNewestIrVersion = 13;
inline constexpr std::string_view kOnnxDomain = "ai.onnx";  ///< files also spell it ""

/// The operator set versions at which ai.onnx operator `name` was defined anew, ascending; empty
/// when ai.onnx has no such operator up to kNewestOpset.
std::span<const uint8_t> versions_of(std::string_view name);

/// The newest version <= opset; nothing when the operator is unknown or younger than `opset`.
std::optional<int> since_version(std::string_view name, int opset);

struct ResolvedOp {
    OpType op = OpType::kUnsupported;
    int since_version = 0;           ///< 0 when unknown
    std::string unsupported_reason;  ///< when op is kUnsupported
};

/// What a node of `domain` (kOnnxDomain for the default one) means in a graph that imports that
/// domain at version `opset`.
ResolvedOp resolve_op(std::string_view domain, std::string_view name, int opset);

}  // namespace smeaton::model::onnx
