#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>

#include "base/error.h"
#include "base/mapped_file.h"
#include "base/nearest.h"
#include "machine/words.h"
#include "machine/yaml_map.h"
#include "search/space.h"

namespace smeaton::search {

namespace {

using machine::YamlMap;

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr size_t kMostValues = 1 << 16;

double number(const YamlMap& map, const YAML::Node& node, const std::string& key) {
    if (node.IsScalar())
        if (auto found = machine::parse_figure(node.Scalar(), machine::Quantity::Bytes))
            return *found;
    map.fail(node, fmt::format("'{}' must be a number", key));
}

double required(YamlMap& map, const std::string& key, const std::string& setting) {
    const YAML::Node node = map.child(key);
    if (!node.IsDefined())
        throw UserError(
            "{}: vary: '{}': key '{}' is missing: it takes {{values: […]}} or "
            "{{from: A, to: B, factor: F}}",
            map.file(), setting, key);
    return number(map, node, key);
}

std::vector<double> range_of(YamlMap& map, const YAML::Node& at, const std::string& setting) {
    const double from = required(map, "from", setting), to = required(map, "to", setting);
    const bool adds = map.child("step").IsDefined();
    const double step = required(map, adds ? "step" : "factor", setting);
    if (from > to)
        map.fail(at, fmt::format("'from' {} is above 'to' {}", text_of(from), text_of(to)));
    if (adds ? step <= 0 : step <= 1 || from <= 0)
        map.fail(at, adds ? fmt::format("'step' {} must be above 0", text_of(step))
                          : fmt::format("'factor' {} must be above 1 and 'from' {} above 0",
                                        text_of(step), text_of(from)));
    std::vector<double> values;
    for (double v = from; v <= to * (1 + 1e-12); v = adds ? v + step : v * step) {
        values.push_back(v);
        if (values.size() > kMostValues)
            map.fail(at, fmt::format("more than {} values", kMostValues));
    }
    return values;
}

std::vector<double> values_of(YamlMap& map, const YAML::Node& at) {
    const YAML::Node list = map.child("values");
    if (!list.IsSequence() || list.size() == 0)
        map.fail(at, "'values' must be a list of numbers, at least one");
    std::vector<double> values;
    for (const auto& item : list) values.push_back(number(map, item, "values"));
    std::sort(values.begin(), values.end());
    if (auto twice = std::adjacent_find(values.begin(), values.end()); twice != values.end())
        map.fail(at, fmt::format("value {} is given twice", text_of(*twice)));
    return values;
}

void require_key(const YamlMap& map, const YAML::Node& at, const std::string& key, const Base& base,
                 const std::string& base_file) {
    const std::vector<std::string> keys = base.keys();
    if (std::find(keys.begin(), keys.end(), key) == keys.end())
        map.fail(at, fmt::format("unknown key '{}': '{}' has none such that may vary{}", key,
                                 base_file, nearest_hint(key, keys)));
}

Axis axis_of(const YamlMap& vary, const std::string& key, const YAML::Node& node, const Base& base,
             const std::string& base_file) {
    require_key(vary, node, key, base, base_file);
    YamlMap map(node, vary.file(), fmt::format("vary: '{}'", key));
    Axis axis{key,
              map.child("values").IsDefined() ? values_of(map, node) : range_of(map, node, key)};
    map.finish();
    for (double v : axis.values)
        if (const std::string why = base.refusal(key, v); !why.empty())
            map.fail(node, fmt::format("{} {}", text_of(v), why));
    return axis;
}

/// Adds weight times key to a sum.
void add_term(Space& space, SumCap& cap, const std::string& key, double weight, const Base& base) {
    for (size_t i = 0; i < space.axes.size(); ++i)
        if (space.axes[i].key == key) {
            cap.weights[i] += weight;
            return;
        }
    cap.constant += weight * base.value(key);
}

SumCap sum_cap(const YamlMap& caps, Space& space, const std::string& name, const YAML::Node& node,
               const Base& base) {
    YamlMap map(node, caps.file(), fmt::format("caps: '{}'", name));
    SumCap cap{name, std::vector<double>(space.axes.size(), 0), 0, -kInfinite, kInfinite};
    const YAML::Node sum = map.child("sum");
    if (!sum.IsMap() || sum.size() == 0)
        map.fail(node, "key 'sum' must be {KEY: weight, …}, at least one");
    for (const auto& term : sum) {
        const auto& key = term.first.Scalar();
        require_key(map, term.first, key, base, space.base);
        add_term(space, cap, key, number(map, term.second, key), base);
    }
    const YAML::Node least = map.child("min"), most = map.child("max");
    if (least.IsDefined()) cap.min = number(map, least, "min");
    if (most.IsDefined()) cap.max = number(map, most, "max");
    map.finish();
    if (!least.IsDefined() && !most.IsDefined()) map.fail(node, "needs 'min' or 'max'");
    if (cap.min > cap.max)
        map.fail(node,
                 fmt::format("'min' {} is above 'max' {}", text_of(cap.min), text_of(cap.max)));
    return cap;
}

void figure_cap(const YamlMap& caps, Space& space, const std::string& name, const YAML::Node& node,
                const Base& base) {
    const std::vector<std::string> figures = base.figures();
    if (std::find(figures.begin(), figures.end(), name) == figures.end()) {
        std::string all;
        for (const std::string& f : figures) all += (all.empty() ? "" : ", ") + f;
        caps.fail(node, fmt::format("'{}' is no figure of this base{}; there are {}; a sum of "
                                    "settings is {{sum: {{KEY: weight}}, max: B}}",
                                    name, nearest_hint(name, figures), all));
    }
    const double most = number(caps, node, name);
    const auto terms = base.sum_of(name);
    if (!terms) {
        space.figures.push_back({name, most});
        return;
    }
    SumCap cap{name, std::vector<double>(space.axes.size(), 0), 0, -kInfinite, most};
    for (const auto& [key, weight] : *terms) add_term(space, cap, key, weight, base);
    space.sums.push_back(std::move(cap));
}

/// Beside the space's file, else as it stands.
std::string base_path(const std::string& space_file, const std::string& base) {
    const std::filesystem::path beside = std::filesystem::path(space_file).parent_path() / base;
    return std::filesystem::exists(beside) ? beside.string() : base;
}

void read_prices(YamlMap& map, Space& space) {
    if (const auto word = map.optional_text("technology")) {
        space.technology = machine::parse_word<machine::Technology>(*word);
        if (!space.technology)
            map.fail(map.child("technology"),
                     fmt::format("'technology': '{}' is none that is known{}", *word,
                                 nearest_hint(*word, machine::all_words<machine::Technology>())));
    }
    const YAML::Node dram = map.child("dram_pj_per_byte");
    if (!dram.IsDefined()) return;
    space.dram_pj_per_byte = number(map, dram, "dram_pj_per_byte");
    if (!space.technology || *space.dram_pj_per_byte <= 0)
        map.fail(dram, "'dram_pj_per_byte' must be above 0 and goes with 'technology'");
}

}  // namespace

Space read_space(const std::string& path, OpenBase open_base) {
    Space space;
    space.file = path;
    {
        const MappedFile file = map_file(path);
        space.text.assign(reinterpret_cast<const char*>(file.bytes.data()), file.bytes.size());
    }
    YAML::Node root;
    try {
        root = YAML::Load(space.text);
    } catch (const YAML::Exception& error) {
        throw UserError("{}:{}: not YAML: {}", path, error.mark.line + 1, error.msg);
    }
    YamlMap map(root, path, "the space");
    space.base = base_path(path, map.text("base"));
    const YAML::Node varied = map.child("vary"), capped = map.child("caps");
    read_prices(map, space);
    map.finish();
    if (!varied.IsMap() || varied.size() == 0)
        map.fail(root, "key 'vary' must name at least one setting: {KEY: {values: […]}}");
    std::unique_ptr<Base> base;
    try {
        base = open_base(space);
    } catch (const UserError& error) {
        throw UserError("{}: 'base': {}", path, error.what());
    }
    const YamlMap vary(varied, path, "vary");
    for (const auto& entry : varied)
        space.axes.push_back(axis_of(vary, entry.first.Scalar(), entry.second, *base, space.base));
    if (!capped.IsDefined()) return space;
    const YamlMap caps(capped, path, "caps");
    for (const auto& entry : capped) {
        const auto& name = entry.first.Scalar();
        if (entry.second.IsMap())
            space.sums.push_back(sum_cap(caps, space, name, entry.second, *base));
        else
            figure_cap(caps, space, name, entry.second, *base);
    }
    return space;
}

}  // namespace smeaton::search
