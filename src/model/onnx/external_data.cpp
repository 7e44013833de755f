#include "model/onnx/external_data.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/error.h"
#include "model/onnx/text.h"

namespace smeaton::model::onnx {

namespace {

namespace fs = std::filesystem;

struct Place {
    std::string location;
    uint64_t offset = 0;
    std::optional<uint64_t> length;
};

uint64_t number(const std::string& key, const std::string& text) {
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size())
        throw UserError("external data has the {} {}, which is not a whole number", key,
                        in_quotes(text));
    return value;
}

Place place_of(const onnx_format::Tensor& tensor) {
    Place place;
    for (const auto& entry : tensor.external_data()) {
        if (entry.key() == "location") place.location = entry.value();
        if (entry.key() == "offset") place.offset = number("offset", entry.value());
        if (entry.key() == "length") place.length = number("length", entry.value());
    }
    return place;
}

/// The real path of `location` inside `folder`.
fs::path resolve(const std::string& location, const fs::path& folder) {
    if (location.empty()) throw UserError("external data without a location");
    if (location.find('\0') != std::string::npos)
        throw UserError("external data at {}: not a file name", in_quotes(location));
    const fs::path relative(location);
    if (relative.is_absolute())
        throw UserError(
            "external data at {}: absolute paths are refused; put the file beside the "
            "model and name it relative to it",
            in_quotes(location));
    if (std::find(relative.begin(), relative.end(), "..") != relative.end())
        throw UserError(
            "external data at {}: paths with '..' are refused; put the file beside the "
            "model",
            in_quotes(location));
    std::error_code error;
    const fs::path root = fs::canonical(folder.empty() ? "." : folder, error);
    const fs::path file = error ? fs::path() : fs::canonical(root / relative, error);
    if (error)
        throw UserError("external data at {}: {} ('{}')", in_quotes(location), error.message(),
                        (folder / relative).string());
    if (std::mismatch(root.begin(), root.end(), file.begin(), file.end()).first != root.end())
        throw UserError(
            "external data at {}: a symbolic link leads out of the model's folder, to "
            "'{}'; put the file itself beside the model",
            in_quotes(location), file.string());
    return file;
}

}  // namespace

DataView external_bytes(const onnx_format::Tensor& tensor, int64_t needed, ExternalFiles& files) {
    const Place place = place_of(tensor);
    if (files.folder.empty())
        throw UserError(
            "external data at {}, but a model given as bytes has no folder; give the path "
            "of the model file",
            in_quotes(place.location));
    auto known = files.mapped.find(place.location);
    if (known == files.mapped.end())
        known =
            files.mapped.emplace(place.location, map_file(resolve(place.location, files.folder)))
                .first;
    const MappedFile& file = known->second;
    const auto size = static_cast<uint64_t>(needed);
    if (place.length && *place.length != size)
        throw UserError("external data at {} has the length {}, but the tensor takes {} bytes",
                        in_quotes(place.location), *place.length, size);
    if (place.offset > file.bytes.size() || size > file.bytes.size() - place.offset)
        throw UserError(
            "external data at {}: {} bytes from offset {} on, but the file has {} bytes",
            in_quotes(place.location), size, place.offset, file.bytes.size());
    return {file.bytes.subspan(static_cast<size_t>(place.offset), static_cast<size_t>(size)),
            file.keep};
}

}  // namespace smeaton::model::onnx
