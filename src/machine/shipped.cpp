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

static std::string_view compare_text(std::string_view name) {
    for (const ShippedFile& file : kShippedCompare)
        if (name == file.name) return file.text;
    return {};
}

std::string_view shipped_calibration() {
    return compare_text("efficiency");
}

std::string_view shipped_survey() {
    return compare_text("survey");
}

std::string_view shipped_costs() {
    return compare_text("costs");
}

std::string_view shipped_compression() {
    return compare_text("compression");
}

std::string_view shipped_engines() {
    return compare_text("engines");
}

}  // namespace smeaton::machine
