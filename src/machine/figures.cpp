#include "machine/figures.h"

#include <fmt/core.h>
#include <yaml-cpp/yaml.h>

#include <functional>

#include "base/error.h"
#include "machine/read.h"
#include "machine/yaml_map.h"

namespace smeaton::machine {
namespace {

// Of one figure: the node that holds its value, and the nodes of its range.
using Visit = std::function<void(const Figure&, std::vector<YAML::Node>)>;

bool is_figure(const YAML::Node& node) {
    return node.IsScalar() && parse_figure(node.Scalar(), Quantity::Bytes).has_value();
}

std::string word_of(const YAML::Node& map, const char* key) {
    const YAML::Node found = map[key];
    return found && found.IsScalar() ? found.Scalar() : "";
}

/// "level l1", "rate fma f32", "shape u8 x i8 -> i32 1x4x4"
std::string row_name(const std::string& list, const YAML::Node& row) {
    const std::string kind = list.substr(0, list.size() - 1);
    if (const std::string name = word_of(row, "name"); !name.empty()) return kind + " " + name;
    if (row["op"]) return fmt::format("{} {} {}", kind, word_of(row, "op"), word_of(row, "dtype"));
    if (row["acc"])
        return fmt::format("{} {} x {} -> {} {}x{}x{}", kind, word_of(row, "a"), word_of(row, "b"),
                           word_of(row, "acc"), word_of(row, "rows"), word_of(row, "columns"),
                           word_of(row, "group"));
    return fmt::format("{} {}", kind, word_of(row, "dtype"));
}

void walk(const YAML::Node& map, const std::string& where, const std::string& prefix,
          const Visit& visit) {
    for (const auto& entry : map) {
        const std::string& name = entry.first.Scalar();
        const YAML::Node node = entry.second;
        const std::string key = prefix + name;
        if (is_figure(node)) {
            visit({where, key, node.Scalar(), ""}, {node});
        } else if (node.IsMap() && node["value"]) {
            std::vector<YAML::Node> nodes = {node["value"]};
            for (const char* end : {"low", "high"})
                if (node[end]) nodes.push_back(node[end]);
            visit({where, key, node["value"].Scalar(), word_of(node, "source")}, nodes);
        } else if (node.IsMap() && (name == "handoff" || !where.empty())) {
            walk(node, where, key + ".", visit);
        } else if (node.IsSequence()) {
            for (const YAML::Node& row : node)
                if (row.IsMap())
                    walk(row, (where.empty() ? "" : where + ", ") + row_name(name, row), "", visit);
        }
    }
}

double number_of(const YAML::Node& node) {
    return *parse_figure(node.Scalar(), Quantity::Bytes);
}

}  // namespace

Figures::Figures(const std::string& yaml, std::string file) : yaml_(yaml), file_(std::move(file)) {
    parse_machine(yaml_, file_);
    walk(YAML::Load(yaml_), "", "",
         [&](const Figure& f, const std::vector<YAML::Node>&) { all_.push_back(f); });
}

std::optional<Machine> Figures::scaled(size_t i, double factor) const {
    YAML::Node root = YAML::Load(yaml_);
    size_t at = 0;
    walk(root, "", "", [&](const Figure&, std::vector<YAML::Node> nodes) {
        if (at++ != i) return;
        for (YAML::Node& node : nodes) node = fmt::format("{:.17g}", number_of(node) * factor);
    });
    try {
        return parse_machine(YAML::Dump(root), file_);
    } catch (const UserError&) {
        return std::nullopt;
    }
}

}  // namespace smeaton::machine
