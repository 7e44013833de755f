// Tensor data in files beside the model.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "base/mapped_file.h"
#include "model/onnx/schema.pb.h"

namespace smeaton::model::onnx {

/// The folder that external data must lie in, and the files mapped so far. An empty folder: the
/// model came from memory and may have none.
struct ExternalFiles {
    std::filesystem::path folder;
    std::map<std::string, MappedFile> mapped;
};

struct DataView {
    std::span<const std::byte> bytes;
    std::shared_ptr<const void> keep;
};

/// The `needed` bytes of `tensor`, whose data_location is external. UserError where the location is
/// absolute, has a "..", or leads by a symbolic link out of the folder, where the file is missing
/// or too short, where the length is not `needed`.
DataView external_bytes(const onnx_format::Tensor& tensor, int64_t needed, ExternalFiles& files);

}  // namespace smeaton::model::onnx
