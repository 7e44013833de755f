#include "machine/yaml_map.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/nearest.h"

namespace smeaton::machine {
namespace {

std::string place(const std::string& file, const YAML::Node& node) {
    YAML::Mark mark = node.Mark();
    return mark.is_null() ? file : fmt::format("{}:{}", file, mark.line + 1);
}

}  // namespace

std::optional<double> parse_figure(std::string_view text, Quantity quantity) {
    double value = 0;
    auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || !std::isfinite(value)) return std::nullopt;
    std::string_view suffix(rest, text.data() + text.size() - rest);
    while (!suffix.empty() && suffix.front() == ' ') suffix.remove_prefix(1);
    if (suffix.empty()) return value;
    if (quantity != Quantity::Bytes) return std::nullopt;
    constexpr std::string_view kSuffixes[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    for (int power = 0; power < 5; ++power)
        if (suffix == kSuffixes[power]) return std::ldexp(value, 10 * power);
    return std::nullopt;
}

YamlMap::YamlMap(const YAML::Node& node, std::string file, std::string what)
    : node_(node), file_(std::move(file)), what_(std::move(what)) {
    if (!node_.IsMap()) fail(node_, "expected a mapping of keys to values");
    std::vector<std::string> seen;
    for (const auto& entry : node_) {
        if (!entry.first.IsScalar()) fail(entry.first, "keys must be plain words");
        const std::string& key = entry.first.Scalar();
        if (std::find(seen.begin(), seen.end(), key) != seen.end())
            fail(entry.first, fmt::format("key '{}' is given twice", key));
        seen.push_back(key);
    }
}

void YamlMap::fail(const YAML::Node& at, const std::string& message) const {
    throw UserError("{}: {}: {}", place(file_, at), what_, message);
}

YAML::Node YamlMap::find(const std::string& key) {
    asked_.push_back(key);
    for (const auto& entry : node_)
        if (entry.first.Scalar() == key) return entry.second;
    return YAML::Node(YAML::NodeType::Undefined);
}

YAML::Node YamlMap::required(const std::string& key) {
    YAML::Node found = find(key);
    if (found.IsDefined()) return found;
    fail(node_, fmt::format("key '{}' is missing{}", key, nearest_hint(key, keys())));
}

YAML::Node YamlMap::child(const std::string& key) {
    return find(key);
}

std::string YamlMap::text(const std::string& key) {
    YAML::Node found = required(key);
    if (!found.IsScalar()) fail(found, fmt::format("'{}' must be a text", key));
    return found.Scalar();
}

std::optional<std::string> YamlMap::optional_text(const std::string& key) {
    YAML::Node found = find(key);
    if (!found.IsDefined()) return std::nullopt;
    if (!found.IsScalar()) fail(found, fmt::format("'{}' must be a text", key));
    return found.Scalar();
}

double YamlMap::read_figure(const YAML::Node& node, const std::string& key,
                            Quantity quantity) const {
    std::optional<double> value;
    if (node.IsScalar()) value = parse_figure(node.Scalar(), quantity);
    if (!value)
        fail(node, fmt::format("'{}' must be a {}, got '{}'", key,
                               quantity == Quantity::Bytes ? "size such as 65536 or 64KiB"
                                                           : "finite number",
                               node.IsScalar() ? node.Scalar() : "a list or mapping"));
    return *value;
}

Number YamlMap::read_number(const YAML::Node& node, const std::string& key,
                            Quantity quantity) const {
    if (!node.IsMap()) return Number(read_figure(node, key, quantity));
    YamlMap map(node, file_, fmt::format("{}, {}", what_, key));
    Number number(map.read_figure(map.required("value"), "value", quantity));
    if (YAML::Node low = map.find("low"); low.IsDefined())
        number.low = map.read_figure(low, "low", quantity);
    if (YAML::Node high = map.find("high"); high.IsDefined())
        number.high = map.read_figure(high, "high", quantity);
    number.source = map.optional_text("source").value_or("");
    map.finish();
    if (!(number.low <= number.value && number.value <= number.high))
        fail(node, fmt::format("'{}' must hold low <= value <= high, got {} <= {} <= {}", key,
                               number.low, number.value, number.high));
    return number;
}

Number YamlMap::number(const std::string& key, Quantity quantity) {
    return read_number(required(key), key, quantity);
}

int64_t YamlMap::whole(const std::string& key, double most) {
    Number n = number(key);
    if (n.ranged() || n.value < 1 || n.value > most || n.value != std::floor(n.value))
        fail(child(key), fmt::format("'{}' must be a whole number from 1 to {:g}", key, most));
    return static_cast<int64_t>(n.value);
}

std::optional<Number> YamlMap::optional_number(const std::string& key, Quantity quantity) {
    YAML::Node found = find(key);
    if (!found.IsDefined()) return std::nullopt;
    return read_number(found, key, quantity);
}

std::vector<YAML::Node> YamlMap::items(const std::string& key) {
    YAML::Node found = find(key);
    if (!found.IsDefined()) return {};
    if (!found.IsSequence()) fail(found, fmt::format("'{}' must be a list", key));
    std::vector<YAML::Node> result;
    for (const auto& item : found) result.push_back(item);
    return result;
}

std::vector<std::string> YamlMap::words(const std::string& key) {
    std::vector<std::string> result;
    for (const YAML::Node& item : items(key)) {
        if (!item.IsScalar()) fail(item, fmt::format("'{}' must be a list of words", key));
        result.push_back(item.Scalar());
    }
    return result;
}

std::vector<std::string> YamlMap::keys() const {
    std::vector<std::string> result;
    for (const auto& entry : node_) result.push_back(entry.first.Scalar());
    return result;
}

void YamlMap::finish() const {
    for (const auto& entry : node_) {
        const std::string& key = entry.first.Scalar();
        if (std::find(asked_.begin(), asked_.end(), key) != asked_.end()) continue;
        std::string near = nearest(key, asked_);
        std::string known;
        for (const std::string& name : asked_) known += (known.empty() ? "" : ", ") + name;
        fail(entry.first,
             fmt::format("unknown key '{}'{}; known keys: {}", key,
                         near.empty() ? "" : fmt::format(", nearest is '{}'", near), known));
    }
}

}  // namespace smeaton::machine
