#include "export/pytorch/classes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <numeric>
#include <set>

#include "base/error.h"
#include "export/pytorch/functions.h"

namespace smeaton::pytorch {

namespace {

bool is_number(const std::string& text) {
    return !text.empty() && std::all_of(text.begin(), text.end(),
                                        [](unsigned char c) { return std::isdigit(c) != 0; });
}

/// A number in __init__ that may differ between instances.
struct Number {
    std::string key, value;
};

class ClassMaker {
public:
    ClassMaker(const Source& source, const Tree& tree) : source_(source), tree_(tree) {}

    Classes make() {
        const size_t units = tree_.units.size();
        out_.class_of.assign(units, -1);
        out_.attributes.resize(units);
        out_.values.resize(units);
        out_.nodes.resize(units);
        sizes_.resize(units);
        visit(tree_.root);
        for (size_t c = 0; c < out_.classes.size(); ++c) set_parameters(static_cast<int>(c));
        for (Class& c : out_.classes) set_in_place(c);
        set_names();
        return std::move(out_);
    }

private:
    const Unit& unit(int u) const { return tree_.units[static_cast<size_t>(u)]; }

    /// Parts first, so that a class stands behind those that it makes.
    void visit(int u) {
        for (const Item& item : unit(u).items)
            if (item.unit >= 0) visit(item.unit);
        Attributes& attributes = out_.attributes[static_cast<size_t>(u)];
        attributes = name_attributes(source_, tree_, u);
        take_kinds_names(u, attributes);
        Forward forward = forward_of(source_, tree_, u, attributes, sizes_);
        sizes_[static_cast<size_t>(u)] = forward.sizes;
        for (const CodeLine& line : forward.lines)
            out_.nodes[static_cast<size_t>(u)].push_back(line.nodes);
        const std::string key = key_of(u, forward);
        const auto [found, is_new] = by_key_.emplace(key, out_.classes.size());
        if (is_new) {
            Class made;
            made.arguments = std::move(forward.arguments);
            made.sizes = std::move(forward.sizes);
            made.forward = std::move(forward.lines);
            made.result = std::move(forward.result);
            out_.classes.push_back(std::move(made));
        }
        out_.classes[found->second].units.push_back(u);
        out_.class_of[static_cast<size_t>(u)] = static_cast<int>(found->second);
    }

    /// Units of a kind are the same function: what the first one calls its modules, all do.
    void take_kinds_names(int u, Attributes& attributes) {
        if (unit(u).kind < 0) return;
        const auto [first, is_new] = first_of_kind_.emplace(unit(u).kind, u);
        if (is_new) return;
        const Attributes& model = out_.attributes[static_cast<size_t>(first->second)];
        if (model.made.size() != attributes.made.size() || !model.children.empty()) return;
        std::map<std::string, std::string> renamed;
        for (size_t k = 0; k < attributes.made.size(); ++k) {
            renamed[attributes.made[k].name] = model.made[k].name;
            attributes.made[k].name = model.made[k].name;
        }
        for (auto& [statement, names] : attributes.of)
            for (std::string& name : names) name = renamed.at(name);
    }

    /// Equal keys: the same class, but for numbers.
    std::string key_of(int u, const Forward& forward) const {
        std::string key;
        for (const std::string& a : forward.arguments) key += a + ",";
        for (const std::string& s : forward.sizes) key += s + ",";
        for (const CodeLine& line : forward.lines)
            key += "\n" + std::to_string(line.depth) + line.text;
        key += "\n" + forward.result;
        for (const Attributes::Made& m : out_.attributes[static_cast<size_t>(u)].made) {
            key +=
                fmt::format("\n{} {} {}", m.name, static_cast<int>(m.module->kind), m.module->type);
            for (const Argument& a : m.module->arguments)
                key += "," + a.key + "=" + (is_number(a.text) ? "#" : a.text);
            for (int64_t d : m.module->shape) key += fmt::format(" {}", d);
        }
        for (const auto& [child, name] : out_.attributes[static_cast<size_t>(u)].children)
            key += fmt::format("\n{} {}", name, out_.class_of[static_cast<size_t>(child)]);
        return u == tree_.root ? "model\n" + key : key;
    }

    // ---- parameters ----------------------------------------------------------------------------

    std::vector<Number> numbers_of(int u) const {
        std::vector<Number> numbers;
        const Attributes& attributes = out_.attributes[static_cast<size_t>(u)];
        for (const Attributes::Made& m : attributes.made)
            for (const Argument& a : m.module->arguments)
                if (is_number(a.text)) numbers.push_back({a.key, a.text});
        for (const auto& [child, name] : attributes.children) {
            const Class& made =
                out_.classes[static_cast<size_t>(out_.class_of[static_cast<size_t>(child)])];
            for (size_t p = 0; p < made.parameters.size(); ++p)
                numbers.push_back({made.parameters[p], out_.values[static_cast<size_t>(child)][p]});
        }
        return numbers;
    }

    void set_parameters(int c) {
        Class& made = out_.classes[static_cast<size_t>(c)];
        std::vector<std::vector<Number>> all;
        for (int u : made.units) all.push_back(numbers_of(u));
        const size_t count = all[0].size();
        made.parameter_of.assign(count, -1);
        std::map<std::vector<std::string>, std::vector<size_t>> groups;
        std::vector<std::vector<std::string>> order;
        for (size_t k = 0; k < count; ++k) {
            std::vector<std::string> column;
            for (const auto& numbers : all) column.push_back(numbers[k].value);
            if (std::all_of(column.begin(), column.end(),
                            [&](const std::string& v) { return v == column[0]; }))
                continue;
            if (groups[column].empty()) order.push_back(column);
            groups[column].push_back(k);
        }
        std::set<std::string> taken;
        for (const std::vector<std::string>& column : order) {
            const std::vector<size_t>& places = groups[column];
            for (size_t k : places) made.parameter_of[k] = static_cast<int>(made.parameters.size());
            made.parameters.push_back(parameter_name(all[0], places, taken));
            for (size_t i = 0; i < made.units.size(); ++i)
                out_.values[static_cast<size_t>(made.units[i])].push_back(column[i]);
        }
        channels_first(made);
    }

    /// As a person orders parameters: Bottleneck(64, 64, 256, stride=1).
    void channels_first(Class& made) {
        std::vector<size_t> order(made.parameters.size());
        std::iota(order.begin(), order.end(), size_t{0});
        std::stable_partition(order.begin(), order.end(),
                              [&](size_t p) { return counts_channels(made.parameters[p]); });
        const auto reordered = [&](const std::vector<std::string>& all) {
            std::vector<std::string> out;
            for (size_t p : order) out.push_back(all[p]);
            return out;
        };
        made.parameters = reordered(made.parameters);
        for (int u : made.units)
            out_.values[static_cast<size_t>(u)] = reordered(out_.values[static_cast<size_t>(u)]);
        for (int& p : made.parameter_of)
            if (p >= 0)
                p = static_cast<int>(std::find(order.begin(), order.end(), static_cast<size_t>(p)) -
                                     order.begin());
    }

    static std::string parameter_name(const std::vector<Number>& numbers,
                                      const std::vector<size_t>& places,
                                      std::set<std::string>& taken) {
        size_t last_out = numbers.size();
        for (size_t k = 0; k < numbers.size(); ++k)
            if (numbers[k].key == "out_channels") last_out = k;
        std::string name = numbers[places[0]].key;
        const bool has_last = std::find(places.begin(), places.end(), last_out) != places.end();
        if (has_last && taken.count("out_channels") == 0 && name != "in_channels")
            name = "out_channels";
        else if (name == "out_channels" || name == "num_features")
            name = "hidden_channels";
        std::string unique = name;
        for (int k = 2; !taken.insert(unique).second; ++k) unique = name + "_" + std::to_string(k);
        return unique;
    }

    /// One module may be called several times, in several instances: all of these must allow it.
    void set_in_place(Class& c) const {
        std::map<std::string, bool> allowed;
        for (int u : c.units)
            for (const auto& [statement, names] : out_.attributes[static_cast<size_t>(u)].of)
                for (size_t k = 0; k < names.size(); ++k) {
                    const Statement& s = tree_.statements[static_cast<size_t>(statement)];
                    const auto [found, is_new] = allowed.emplace(names[k], s.modules[k].overwrites);
                    found->second = found->second && s.modules[k].overwrites;
                }
        for (const auto& [name, yes] : allowed)
            if (yes) c.in_place.insert(name);
    }

    // ---- names ---------------------------------------------------------------------------------

    int count_ops(int u, std::string_view op) const {
        int count = 0;
        for (const Item& item : unit(u).items) {
            if (item.unit >= 0) {
                count += count_ops(item.unit, op);
                continue;
            }
            for (NodeId n : tree_.statements[static_cast<size_t>(item.statement)].nodes)
                count += source_.graph.at(n).op_name == op;
        }
        return count;
    }

    bool has_attribute(int u, std::string_view start) const {
        const auto& made = out_.attributes[static_cast<size_t>(u)].made;
        return std::any_of(made.begin(), made.end(),
                           [&](const Attributes::Made& m) { return m.name.starts_with(start); });
    }

    bool has_depthwise(int u) const {
        for (const Item& item : unit(u).items) {
            if (item.unit >= 0) {
                if (has_depthwise(item.unit)) return true;
                continue;
            }
            for (const Module& m : tree_.statements[static_cast<size_t>(item.statement)].modules) {
                std::string groups, channels;
                for (const Argument& a : m.arguments) {
                    if (a.key == "groups") groups = a.text;
                    if (a.key == "out_channels") channels = a.text;
                }
                if (!groups.empty() && groups == channels) return true;
            }
        }
        return false;
    }

    /// "Bottleneck" tells more than "Layer1": a word of the scope where it is one, else what it
    /// does.
    std::string class_name(int u) const {
        std::string word;
        if (!unit(u).scope.empty()) {
            for (char c : unit(u).scope.back()) {
                if (std::isalpha(static_cast<unsigned char>(c)) == 0 && c != '_') break;
                word += c;
            }
        }
        std::string camel;
        bool up = true;
        for (char c : word) {
            if (c == '_') {
                up = true;
                continue;
            }
            camel += up ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
            up = false;
        }
        static const std::set<std::string> kPlain = {
            "",       "Layer",     "Layers",    "Features", "H",     "Block",
            "Blocks", "Stage",     "Model",     "V",        "Conv",  "Linear",
            "Norm",   "LayerNorm", "Embedding", "Relu",     "Module"};
        if (embeds(tree_, u)) return "Embeddings";
        if (kPlain.count(camel) == 0 && camel.size() > 2) return camel;
        if (count_ops(u, "Softmax") > 0 && count_ops(u, "MatMul") > 0) return "TransformerLayer";
        if (const int convs = count_ops(u, "Conv"); convs > 0) {
            const bool sums = count_ops(u, "Add") + count_ops(u, "Sum") > 0;
            const bool depthwise = has_depthwise(u);
            if (!sums)
                return count_ops(u, "Concat") > 0 ? "InceptionBlock"
                       : depthwise                ? "DepthwiseBlock"
                                                  : "ConvBlock";
            if (depthwise && convs == 3) return "InvertedResidual";
            const bool shortcut = has_attribute(u, "downsample") || has_attribute(u, "shortcut");
            const int own = convs - (shortcut ? 1 : 0);
            const char* name = own == 3 ? "Bottleneck" : own == 2 ? "BasicBlock" : "ResidualBlock";
            return (shortcut ? "Downsample" : "") + std::string(name);
        }
        return unit(u).kind >= 0 ? "Block" : "Part";
    }

    void set_names() {
        std::set<std::string> taken = {"Model", "Tensor", "Path"};
        for (Class& c : out_.classes) {
            if (&c == &out_.classes.back()) {
                c.name = "Model";
                break;
            }
            const std::string name = class_name(c.units[0]);
            c.name = name;
            for (int k = 2; !taken.insert(c.name).second; ++k) c.name = name + std::to_string(k);
        }
    }

    const Source& source_;
    const Tree& tree_;
    Classes out_;
    std::vector<std::vector<std::string>> sizes_;  // by unit
    std::map<std::string, size_t> by_key_;
    std::map<int, int> first_of_kind_;
};

void set_paths(const Tree& tree, const Classes& classes, int u, Paths& paths) {
    for (const auto& [child, name] : classes.attributes[static_cast<size_t>(u)].children) {
        const auto c = static_cast<size_t>(child), parent = static_cast<size_t>(u);
        std::string key = name;
        if (const size_t at = key.find('['); at != std::string::npos)
            key = key.substr(0, at) + "." + key.substr(at + 1, key.size() - at - 2);
        const std::string dot = paths.keys[parent].empty() ? "" : ".";
        paths.keys[c] = paths.keys[parent] + dot + key;
        paths.python[c] = paths.python[parent] + dot + name;
        set_paths(tree, classes, child, paths);
    }
}

}  // namespace

bool counts_channels(const std::string& parameter) {
    const std::string word = parameter.substr(0, parameter.find_last_not_of("_0123456789") + 1);
    return word.ends_with("channels") || word.ends_with("features");
}

std::string size_name(const std::string& symbol) {
    return identifier(symbol);
}

Classes make_classes(const Source& source, const Tree& tree) {
    return ClassMaker(source, tree).make();
}

Paths paths_of(const Tree& tree, const Classes& classes) {
    Paths paths;
    paths.keys.resize(tree.units.size());
    paths.python.resize(tree.units.size());
    set_paths(tree, classes, tree.root, paths);
    return paths;
}

}  // namespace smeaton::pytorch
