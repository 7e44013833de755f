#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/nearest.h"
#include "machine/device.h"
#include "machine/read.h"
#include "machine/yaml_map.h"

namespace smeaton::machine {
namespace {

std::string one_of(YamlMap& map, const std::string& key, const std::vector<std::string>& words) {
    const YAML::Node at = map.child(key);
    if (!at.IsDefined()) return {};
    const std::string word = at.IsScalar() ? at.Scalar() : "a list or mapping";
    if (std::find(words.begin(), words.end(), word) == words.end()) {
        std::string all;
        for (const std::string& w : words) all += (all.empty() ? "" : ", ") + w;
        map.fail(at, fmt::format("'{}' must be one of {}, got '{}'{}", key, all, word,
                                 nearest_hint(word, words)));
    }
    return word;
}

Confidence confidence_of(YamlMap& map) {
    const std::string word =
        one_of(map, "confidence", {"vendor", "secondary", "inferred", "recalled"});
    for (Confidence c :
         {Confidence::Vendor, Confidence::Secondary, Confidence::Inferred, Confidence::Recalled})
        if (word == text(c)) return c;
    return Confidence::Unstated;
}

struct Bounds {
    const char* unit;
    double least, most;
};
constexpr Bounds kPeakBounds = {"tera-operations/s", 1e-4, 1e7};

/// A plain number, or a mapping of it with what it is a number of.
DeviceNumber read_number(YamlMap& owner, const YAML::Node& node, const std::string& key,
                         const Bounds& bounds) {
    DeviceNumber result;
    YAML::Node wrapped(YAML::NodeType::Map);
    wrapped[key] = node;
    if (!node.IsMap()) {
        result.number = YamlMap(wrapped, owner.file(), key).number(key);
    } else {
        YamlMap map(node, owner.file(), key);
        result.number = Number(map.number("value"));
        const double value = result.number.value;
        const auto low = map.optional_number("low"), high = map.optional_number("high");
        result.number.low = low ? low->value : value;
        result.number.high = high ? high->value : value;
        if (!(result.number.low <= value && value <= result.number.high))
            map.fail(node, fmt::format("must hold low <= value <= high, got {} <= {} <= {}",
                                       result.number.low, value, result.number.high));
        result.number.source = map.optional_text("source").value_or("");
        result.sparse = map.optional_text("sparse").value_or("");
        if (result.sparse == "false" || result.sparse == "dense") result.sparse.clear();
        result.accumulate = map.optional_text("accumulate").value_or("");
        result.per = one_of(map, "per", {"die", "package", "system"});
        result.ways = one_of(map, "ways", {"one", "both"});
        result.date = map.optional_text("date").value_or("");
        result.note = map.optional_text("note").value_or("");
        result.confidence = confidence_of(map);
        for (const YAML::Node& other : map.items("also"))
            result.also.push_back(read_number(map, other, key + ".also", bounds));
        map.finish();
    }
    const Number& n = result.number;
    if (n.low <= 0 || n.value < bounds.least || n.value > bounds.most)
        owner.fail(node, fmt::format("'{}' is {}, which is implausible: it is in {}, expected {:g} "
                                     "to {:g}; a number that is not known is left out",
                                     key, n.value, bounds.unit, bounds.least, bounds.most));
    return result;
}

void read_peaks(YamlMap& map, Device& device) {
    const YAML::Node node = map.child("peak");
    if (!node.IsDefined()) return;
    YamlMap peaks(node, map.file(), "peak");
    const std::vector<std::string>& formats = device_formats();
    for (const std::string& format : peaks.keys()) {
        if (std::find(formats.begin(), formats.end(), format) == formats.end())
            peaks.fail(node, fmt::format("format '{}' is unknown{}", format,
                                         nearest_hint(format, formats)));
        device.peak[format] = read_number(map, peaks.child(format), "peak." + format, kPeakBounds);
    }
}

/// A source whose first part is one word is a name from the table, as in machine files.
void check_source(const Device& device, const DeviceNumber& number, const std::string& key) {
    const std::string& source = number.number.source;
    const std::string head = source.substr(0, source.find_first_of(":,"));
    if (head.empty() || head.find(' ') != std::string::npos) return;
    for (const auto& [name, reference] : device.sources)
        if (name == head) return;
    throw UserError(
        "{}: {}: the source '{}' is not in 'sources'; add it there, or say in a sentence "
        "where the number is from",
        device.file, key, head);
}

void check(const Device& device, YamlMap& map, const YAML::Node& root) {
    for (const auto& [format, number] : device.peak) check_source(device, number, "peak." + format);
    for (const auto& [key, number] : device.numbers) check_source(device, number, key);
    for (const auto& [key, why] : device.blank)
        if (find_number(device, key))
            map.fail(root, fmt::format("'{}' is given and listed as blank", key));
    for (const char* key : {"price_usd", "rent_usd_per_hour", "nre_usd"})
        if (const DeviceNumber* money = find_number(device, key); money && money->date.empty())
            throw UserError(
                "{}: device {}: {} has no date; write it as {{value: {:g}, source: "
                "..., date: YYYY-MM}}",
                device.file, device.name, key, money->number.value);
}

/// The device that a file's `base` names, with what makes it another one left out; an empty one
/// where there is none.
Device base_of(YamlMap& map, const YAML::Node& root) {
    const std::optional<std::string> name = map.optional_text("base");
    if (!name) return {};
    const std::filesystem::path beside = std::filesystem::path(map.file()).parent_path() / *name;
    const std::string path = std::filesystem::is_regular_file(beside) ? beside.string() : *name;
    if (std::filesystem::is_regular_file(path) && YAML::Load(read_description(path))["base"])
        map.fail(root,
                 fmt::format("base '{}' has a base of its own: one is as far as it goes", *name));
    Device device = read_device(path);
    device.aliases.clear();
    return device;
}

/// A word of a device, which may be its base's.
void read_word(YamlMap& map, const char* key, std::string& word) {
    if (const auto own = map.optional_text(key)) word = *own;
}

Device read_root(const YAML::Node& root, const std::string& file) {
    YamlMap map(root, file, "device");
    Device device = base_of(map, root);
    device.file = file;
    if (device.name.empty() || map.child("name").IsDefined()) device.name = map.text("name");
    map.rename("device " + device.name);
    device.aliases = map.words("aliases");
    read_word(map, "vendor", device.vendor);
    if (map.child("class").IsDefined())
        device.device_class = one_of(map, "class", device_classes());
    read_word(map, "family", device.family);
    read_word(map, "process", device.process);
    read_word(map, "memory_type", device.memory_type);
    if (const YAML::Node year = map.child("year"); year.IsDefined())
        device.year = static_cast<int>(map.whole("year", 2100));
    if (const YAML::Node sources = map.child("sources"); sources.IsDefined()) {
        YamlMap table(sources, file, "sources");
        for (const std::string& key : table.keys())
            device.sources.emplace_back(key, table.text(key));
    }
    read_peaks(map, device);
#define X(key, unit, least, most)                                 \
    if (const YAML::Node node = map.child(key); node.IsDefined()) \
        device.numbers[key] = read_number(map, node, key, {unit, least, most});
    SMEATON_DEVICE_NUMBERS(X)
#undef X
    if (map.child("engines").IsDefined()) device.engines = map.words("engines");
    std::erase_if(device.blank,
                  [&](const auto& blank) { return find_number(device, blank.first) != nullptr; });
    if (const YAML::Node blank = map.child("blank"); blank.IsDefined()) {
        YamlMap table(blank, file, "blank");
        for (const std::string& key : table.keys()) device.blank[key] = table.text(key);
    }
    for (const std::string& note : map.words("notes")) device.notes.push_back(note);
    map.finish();
    check(device, map, root);
    return device;
}

/// By key: unit and plausible range; nothing for other keys.
std::optional<Bounds> bounds_of(const std::string& key) {
    if (key.starts_with("peak.")) {
        const auto& formats = device_formats();
        if (std::find(formats.begin(), formats.end(), key.substr(5)) == formats.end())
            return std::nullopt;
        return kPeakBounds;
    }
#define X(name, unit, least, most) \
    if (key == (name)) return Bounds{unit, least, most};
    SMEATON_DEVICE_NUMBERS(X)
#undef X
    return std::nullopt;
}

}  // namespace

bool is_device_key(const std::string& key) {
    return bounds_of(key).has_value();
}

void set_number(Device& device, const std::string& key, const Interval& v,
                const std::string& where) {
    const std::optional<Bounds> bounds = bounds_of(key);
    SMEATON_CHECK(bounds, "a device has no number {}", key);
    if (!(v.low <= v.value && v.value <= v.high) || v.low <= 0 || v.value < bounds->least ||
        v.value > bounds->most)
        throw UserError("{}: '{}' is in {}, expected {:g} to {:g}, and low <= value <= high", where,
                        key, bounds->unit, bounds->least, bounds->most);
    DeviceNumber number;
    if (const DeviceNumber* was = find_number(device, key)) {
        number.ways = was->ways, number.per = was->per, number.accumulate = was->accumulate;
    }
    number.number = Number(v, where);
    const bool peak = key.starts_with("peak.");
    (peak ? device.peak : device.numbers)[peak ? key.substr(5) : key] = number;
    device.blank.erase(key);
}

bool is_device_text(const std::string& yaml) {
    try {
        const YAML::Node root = YAML::Load(yaml);
        if (!root.IsMap() || root["levels"] || root["units"]) return false;
        return root["peak"] || root["class"] || root["memory_gb"] || root["bandwidth_gb_s"] ||
               root["base"];
    } catch (const YAML::Exception&) {
        return false;  // parse_machine says what is wrong
    }
}

Device parse_device(const std::string& yaml, const std::string& file) {
    try {
        return read_root(YAML::Load(yaml), file);
    } catch (const YAML::Exception& error) {
        throw UserError("{}:{}: not readable as YAML: {}", file, error.mark.line + 1, error.msg);
    }
}

}  // namespace smeaton::machine
