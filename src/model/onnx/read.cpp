#include "model/onnx/read.h"

#include "base/error.h"
#include "base/mapped_file.h"
#include "model/onnx/graph_builder.h"
#include "model/onnx/schema.pb.h"
#include "model/onnx/tensor_data.h"
#include "model/onnx/versions.h"
#include "model/onnx/wire.h"

namespace smeaton::model::onnx {

namespace {

template <class Message>
Message parse(std::span<const std::byte> file) {
    const std::string skeleton = scan_wire(file, *Message::descriptor());
    Message message;
    if (!message.ParseFromArray(skeleton.data(), static_cast<int>(skeleton.size())))
        throw UserError("the file is damaged or not an ONNX file");
    return message;
}

Graph read(Source& source) {
    if (source.file.empty()) throw UserError("the file is empty");
    const auto model = parse<onnx_format::Model>(source.file);
    if (!model.has_ir_version() || !model.has_graph())
        throw UserError("not an ONNX model: it has no {}",
                        model.has_graph() ? "format version (ir_version)" : "graph");
    if (model.ir_version() < 1 || model.ir_version() > kNewestIrVersion)
        throw UserError("the format version (ir_version) is {}; versions 1 to {} are read",
                        model.ir_version(), kNewestIrVersion);
    return build_graph(model, source);
}

template <class Body>
auto in_file(const std::string& label, Body&& body) {
    try {
        return body();
    } catch (const UserError& error) {
        throw UserError(label + ": " + error.what());
    }
}

}  // namespace

Graph read_onnx_bytes(std::span<const std::byte> bytes, std::shared_ptr<const void> keep,
                      const std::string& label, const ReadOptions& options) {
    Source source{bytes, std::move(keep), is_mapped(bytes), {options.external_folder, {}}};
    return in_file(label, [&] { return read(source); });
}

Graph read_onnx(const std::filesystem::path& path, const ReadOptions& options) {
    const MappedFile file = map_file(path);
    std::filesystem::path folder = options.external_folder;
    if (folder.empty()) folder = path.has_parent_path() ? path.parent_path() : ".";
    Source source{file.bytes, file.keep, true, {folder, {}}};
    return in_file(path.string(), [&] { return read(source); });
}

Tensor read_tensor_file(const std::filesystem::path& path) {
    const MappedFile file = map_file(path);
    Source source{file.bytes, file.keep, true, {}};
    return in_file(path.string(),
                   [&] { return decode_tensor(parse<onnx_format::Tensor>(file.bytes), source); });
}

}  // namespace smeaton::model::onnx
