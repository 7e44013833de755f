#include "driver/compare/devices.h"

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "base/nearest.h"

namespace smeaton::driver {

namespace {

std::string lower(std::string text) {
    for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return text;
}

bool same(const std::string& a, const std::string& b) {
    return lower(a) == lower(b);
}

/// UserError where `wanted` is none of the words.
void known(const char* option, const std::string& wanted, const std::vector<std::string>& words) {
    if (wanted.empty()) return;
    if (std::any_of(words.begin(), words.end(),
                    [&](const std::string& word) { return same(word, wanted); }))
        return;
    std::string all;
    for (const std::string& word : words) all += (all.empty() ? "" : ", ") + word;
    throw UserError("{} '{}'{}: expected one of {}", option, wanted, nearest_hint(wanted, words),
                    all);
}

std::vector<std::string> distinct(std::vector<std::string> words) {
    std::sort(words.begin(), words.end());
    words.erase(std::unique(words.begin(), words.end()), words.end());
    return words;
}

}  // namespace

DevicesResult list_devices(const DevicesRequest& request) {
    std::vector<machine::Device> all;
    for (const std::string& name : request.names) all.push_back(machine::read_device(name));
    if (request.names.empty()) all = machine::shipped_devices();
    std::vector<std::string> vendors, engines;
    for (const machine::Device& device : all) {
        vendors.push_back(device.vendor);
        engines.insert(engines.end(), device.engines.begin(), device.engines.end());
    }
    known("--class", request.device_class, machine::device_classes());
    known("--vendor", request.vendor, distinct(vendors));
    known("--engine", request.engine, distinct(engines));
    known("--peak", request.peak, machine::device_formats());
    std::erase_if(all, [&](const machine::Device& device) {
        const bool runs =
            std::any_of(device.engines.begin(), device.engines.end(),
                        [&](const std::string& e) { return same(e, request.engine); });
        return (!request.device_class.empty() &&
                !same(device.device_class, request.device_class)) ||
               (!request.vendor.empty() && !same(device.vendor, request.vendor)) ||
               (!request.engine.empty() && !runs) ||
               (!request.peak.empty() && !device.peak.contains(lower(request.peak)));
    });
    if (all.empty()) throw UserError("no device is left by these filters");
    return {std::move(all), false};
}

}  // namespace smeaton::driver
