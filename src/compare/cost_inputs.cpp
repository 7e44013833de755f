#include <yaml-cpp/yaml.h>

#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/nearest.h"
#include "compare/ownership.h"
#include "machine/shipped.h"
#include "machine/yaml_map.h"

namespace smeaton::compare {

namespace {

using machine::YamlMap;

const CostKey* key_named(const std::string& key) {
    for (const CostKey& k : cost_keys())
        if (key == k.key) return &k;
    return nullptr;
}

std::vector<std::string> key_names() {
    std::vector<std::string> names;
    for (const CostKey& k : cost_keys()) names.emplace_back(k.key);
    return names;
}

void check_range(const CostKey& key, const CostInput& input, const std::string& where) {
    const auto& v = input.v;
    if (!(v.low <= v.value && v.value <= v.high))
        throw UserError("{}: {} must hold low <= value <= high, got {} <= {} <= {}", where, key.key,
                        v.low, v.value, v.high);
    if (v.low < key.least || v.high > key.most)
        throw UserError("{}: {} is in {}, expected {:g} to {:g}, got {} to {}", where, key.key,
                        key.unit, key.least, key.most, v.low, v.high);
}

CostInput read_input(YamlMap& owner, const CostKey& key) {
    const YAML::Node node = owner.child(key.key);
    CostInput input;
    if (node.IsMap()) {
        YamlMap map(node, owner.file(), key.key);
        const double value = map.number("value").value;
        const auto low = map.optional_number("low"), high = map.optional_number("high");
        input.v = {low ? low->value : value, value, high ? high->value : value};
        input.source = map.optional_text("source").value_or("");
        input.date = map.optional_text("date").value_or("");
        map.finish();
    } else {
        input.v = machine::Interval::exact(owner.number(key.key).value);
    }
    if (key.money && input.date.empty())
        owner.fail(node, fmt::format("'{}' is money without a date; write it as {{value: {:g}, "
                                     "source: ..., date: YYYY-MM}}",
                                     key.key, input.v.value));
    check_range(key, input, owner.file());
    return input;
}

double figure(const std::string& text, const std::string& assignment) {
    double value = 0;
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || rest != end || !std::isfinite(value))
        throw UserError("--set {}: expected a number or LOW:VALUE:HIGH, got '{}'", assignment,
                        text);
    return value;
}

}  // namespace

machine::Interval interval_set(const std::string& text, const std::string& assignment) {
    const size_t one = text.find(':');
    if (one == std::string::npos) return machine::Interval::exact(figure(text, assignment));
    const size_t two = text.find(':', one + 1);
    if (two == std::string::npos)
        throw UserError("--set {}: expected a number or LOW:VALUE:HIGH", assignment);
    return {figure(text.substr(0, one), assignment),
            figure(text.substr(one + 1, two - one - 1), assignment),
            figure(text.substr(two + 1), assignment)};
}

const std::vector<CostKey>& cost_keys() {
    static const std::vector<CostKey> keys = {
        {"rent_usd_per_device_hour", "USD", true, 0, 1e6},
        {"capex_usd", "USD of the whole installation", true, 0, 1e12},
        {"life_years", "years", false, 0.1, 100},
        {"interest", "a part of 1", false, 0, 1},
        {"power_kw", "kW of the whole installation at the wall", false, 0, 1e6},
        {"pue", "site over machine", false, 1, 5},
        {"electricity_usd_per_kwh", "USD", true, 0, 100},
        {"opex_usd_per_hour", "USD of the whole installation", true, 0, 1e9},
        {"utilisation", "a part of 1", false, 1e-6, 1},
        {"availability", "a part of 1", false, 1e-6, 1},
        {"nre_usd", "USD", true, 0, 1e12},
        {"volume", "devices", false, 1, 1e12},
        {"grid_kg_per_kwh", "kg", false, 0, 10},
        {"porting_weeks", "weeks", false, 0, 1000},
    };
    return keys;
}

CostInputs parse_costs(const std::string& yaml, const std::string& file, CostInputs base) {
    try {
        const YAML::Node root = YAML::Load(yaml);
        YamlMap map(root, file, "costs");
        if (const auto mode = map.optional_text("mode")) {
            if (*mode != "rent" && *mode != "own")
                map.fail(root, fmt::format("'mode' must be rent or own, got '{}'", *mode));
            base.mode = *mode;
        }
        map.optional_text("currency");
        if (const YAML::Node node = map.child("currency");
            node.IsDefined() && node.Scalar() != "USD")
            map.fail(node, "'currency' must be USD: rates of exchange are not known here");
        for (const CostKey& key : cost_keys())
            if (map.child(key.key).IsDefined()) base.values[key.key] = read_input(map, key);
        if (const YAML::Node devices = map.child("devices"); devices.IsDefined()) {
            YamlMap table(devices, file, "devices");
            for (const std::string& name : table.keys()) {
                YamlMap own(table.child(name), file, "device " + name);
                const std::string device = machine::read_device(name).name;
                for (const CostKey& key : cost_keys())
                    if (own.child(key.key).IsDefined())
                        base.by_device[device][key.key] = read_input(own, key);
                own.finish();
            }
        }
        map.finish();
        return base;
    } catch (const YAML::Exception& error) {
        throw UserError("{}:{}: not readable as YAML: {}", file, error.mark.line + 1, error.msg);
    }
}

CostInputs shipped_cost_inputs() {
    return parse_costs(std::string(machine::shipped_costs()), "machines/compare/costs.yaml");
}

void set_cost(CostInputs& inputs, const std::string& assignment) {
    const size_t is = assignment.find('=');
    if (is == std::string::npos)
        throw UserError("--set {}: expected KEY=V or KEY.DEVICE=V", assignment);
    const std::string left = assignment.substr(0, is), right = assignment.substr(is + 1);
    const size_t dot = left.find('.');
    const std::string name = left.substr(0, dot);
    if (name == "mode") {
        if (right != "rent" && right != "own")
            throw UserError("--set {}: mode is rent or own", assignment);
        inputs.mode = right;
        return;
    }
    const CostKey* key = key_named(name);
    if (!key) {
        std::string all;
        for (const std::string& k : key_names()) all += (all.empty() ? "" : ", ") + k;
        throw UserError(
            "--set {}: key '{}' is unknown{}; there are mode, {}; and numbers of devices: "
            "memory_gb, bandwidth_gb_s, link_gb_s, power_w, peak.FORMAT and others",
            assignment, name, nearest_hint(name, key_names()), all);
    }
    CostInput input{interval_set(right, assignment), "set on the command line", "today"};
    check_range(*key, input, "--set " + assignment);
    if (dot == std::string::npos) {
        inputs.values[name] = input;
        for (auto& [device, values] : inputs.by_device) values.erase(name);
    } else {
        inputs.by_device[machine::read_device(left.substr(dot + 1)).name][name] = input;
    }
}

}  // namespace smeaton::compare
