#include "cost/efficiency_file.h"

#include <fmt/core.h>
#include <yaml-cpp/yaml.h>

#include "base/error.h"
#include "machine/shipped.h"
#include "machine/yaml_map.h"

namespace smeaton::cost {
namespace {

using machine::YamlMap;

double number(YamlMap& map, const std::string& key) {
    return map.number(key).value;
}

void read_efficiency(YamlMap& owner, Efficiency& out) {
    YamlMap map(owner.child("efficiency"), owner.file(), "efficiency");
    for (const EfficiencyTerm& term : efficiency_terms())
        if (const auto value = map.optional_number(term.name)) {
            if (value->value < term.least || value->value > term.most)
                map.fail(map.child(term.name), fmt::format("'{}' must be {:g} to {:g}", term.name,
                                                           term.least, term.most));
            out.*term.at = value->value;
        }
    map.finish();
}

FitError read_error(const YAML::Node& node, const std::string& file) {
    YamlMap map(node, file, "error");
    FitError error;
    error.rows = static_cast<int>(number(map, "rows"));
    error.mean = number(map, "mean");
    error.bias = number(map, "bias");
    map.finish();
    return error;
}

template <class Read>
void each(YamlMap& owner, const std::string& key, Read read) {
    const YAML::Node node = owner.child(key);
    if (!node.IsDefined()) return;
    YamlMap map(node, owner.file(), key);
    for (const std::string& name : map.keys()) read(map, name);
}

Calibration read_one(const YAML::Node& node, const std::string& file) {
    YamlMap map(node, file, "calibration");
    Calibration c;
    c.engine = map.text("engine");
    c.width = map.text("width");
    map.rename("calibration of " + c.engine);
    c.families = map.words("families");
    c.sources = map.words("sources");
    c.most_batch = number(map, "most_batch");
    c.most_context = number(map, "most_context");
    read_efficiency(map, c.efficiency);
    each(map, "spread", [&](YamlMap& at, const std::string& name) {
        YamlMap spread(at.child(name), file, "spread " + name);
        c.spread[name] = {number(spread, "low"), number(spread, "high")};
        spread.finish();
    });
    each(map, "fitted", [&](YamlMap& at, const std::string& name) {
        c.fitted[name] = read_error(at.child(name), file);
    });
    each(map, "left_out", [&](YamlMap& at, const std::string& name) {
        c.left_out[name] = read_error(at.child(name), file);
    });
    each(map, "left_out_by_device", [&](YamlMap& at, const std::string& name) {
        c.left_out_by_device[name] = number(at, name);
    });
    each(map, "device_factor",
         [&](YamlMap& at, const std::string& name) { c.device_factor[name] = number(at, name); });
    map.finish();
    return c;
}

std::string list(const std::vector<std::string>& words) {
    std::string out;
    for (const std::string& word : words)
        out += fmt::format("{}\"{}\"", out.empty() ? "" : ", ", word);
    return "[" + out + "]";
}

std::string errors(const char* key, const std::map<std::string, FitError>& all) {
    std::string out = fmt::format("    {}:\n", key);
    for (const auto& [name, e] : all)
        out += fmt::format("      {}: {{rows: {}, mean: {:.4f}, bias: {:.4f}}}\n", name, e.rows,
                           e.mean, e.bias);
    return all.empty() ? "" : out;
}

std::string figures(const char* key, const std::map<std::string, double>& all) {
    std::string out = fmt::format("    {}:\n", key);
    for (const auto& [name, value] : all) out += fmt::format("      \"{}\": {:.4f}\n", name, value);
    return all.empty() ? "" : out;
}

}  // namespace

std::vector<Calibration> parse_calibrations(const std::string& yaml, const std::string& file) {
    try {
        const YAML::Node root = YAML::Load(yaml);
        YamlMap map(root, file, "calibrations");
        std::vector<Calibration> all;
        for (const YAML::Node& item : map.items("calibrations"))
            all.push_back(read_one(item, file));
        map.finish();
        return all;
    } catch (const YAML::Exception& error) {
        throw UserError("{}:{}: not readable as YAML: {}", file, error.mark.line + 1, error.msg);
    }
}

std::string print_calibrations(const std::vector<Calibration>& all) {
    std::string out = "calibrations:\n";
    for (const Calibration& c : all) {
        out += fmt::format("  - engine: {}\n    width: \"{}\"\n    families: {}\n    sources: {}\n",
                           c.engine, c.width, list(c.families), list(c.sources));
        out += fmt::format("    most_batch: {:.0f}\n    most_context: {:.0f}\n    efficiency:\n",
                           c.most_batch, c.most_context);
        for (const EfficiencyTerm& term : efficiency_terms())
            if (c.efficiency.*term.at != term.one)
                out += fmt::format("      {}: {:.6g}\n", term.name, c.efficiency.*term.at);
        out += c.spread.empty() ? "" : "    spread:\n";
        for (const auto& [name, s] : c.spread)
            out += fmt::format("      {}: {{low: {:.4f}, high: {:.4f}}}\n", name, s.low, s.high);
        out += errors("fitted", c.fitted) + errors("left_out", c.left_out) +
               figures("left_out_by_device", c.left_out_by_device) +
               figures("device_factor", c.device_factor);
    }
    return out;
}

const std::vector<Calibration>& shipped_calibrations() {
    static const std::vector<Calibration> all = parse_calibrations(
        std::string(machine::shipped_calibration()), "machines/compare/efficiency.yaml");
    return all;
}

std::string width_of(double weight_bits) {
    return weight_bits < 7 ? "4" : weight_bits < 12 ? "8" : "16";
}

const Calibration* find_calibration(const std::vector<Calibration>& all, const std::string& engine,
                                    const std::string& width) {
    for (const Calibration& c : all)
        if (c.engine == engine && c.width == width) return &c;
    return nullptr;
}

}  // namespace smeaton::cost
