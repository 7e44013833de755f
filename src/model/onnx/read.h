// The ONNX reader: a file goes in, a model::Graph comes out.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "model/graph.h"

namespace smeaton::model::onnx {

struct ReadOptions {
    /// Where external data must lie; empty: the folder of the model file.
    std::filesystem::path external_folder;
};

/// Reads a model file of IR up to 13 and ai.onnx up to 27 (docs in README.md): functions inlined,
/// nodes in topological order, weights as views of the mapped file where their alignment allows.
/// Operators that are not supported stay as nodes of kUnsupported (see model/unsupported.h). Shapes
/// are as declared: sizes of inputs that the file leaves open are parameters, "NAME" or
/// "input:axis". UserError "FILE: ..." naming node, value or byte, on anything that is not such a
/// model.
Graph read_onnx(const std::filesystem::path& path, const ReadOptions& options = {});

/// The same from memory. `keep` keeps `bytes` alive as long as tensors view them. `label` stands
/// for the file in messages. External data only with options.external_folder.
Graph read_onnx_bytes(std::span<const std::byte> bytes, std::shared_ptr<const void> keep,
                      const std::string& label, const ReadOptions& options = {});

/// Reads a tensor file (input_0.pb of a test data set). UserError as above.
Tensor read_tensor_file(const std::filesystem::path& path);

}  // namespace smeaton::model::onnx
