#include "machine/shipped.h"

#include "machine/shipped_files.h"

namespace smeaton::machine {

std::vector<std::string> shipped_names() {
    std::vector<std::string> names;
    for (const ShippedFile& file : kShippedFiles) names.emplace_back(file.name);
    return names;
}

std::string_view shipped_text(std::string_view name) {
    for (const ShippedFile& file : kShippedFiles)
        if (name == file.name) return file.text;
    return {};
}

std::vector<std::string> shipped_device_names() {
    std::vector<std::string> names;
    for (const ShippedFile& file : kShippedDevices) names.emplace_back(file.name);
    return names;
}

std::string_view shipped_device_text(std::string_view name) {
    for (const ShippedFile& file : kShippedDevices)
        if (name == file.name) return file.text;
    return {};
}

}  // namespace smeaton::machine
