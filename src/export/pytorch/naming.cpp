#include "export/pytorch/naming.h"

#include <algorithm>
#include <cctype>

#include "base/error.h"

namespace smeaton::pytorch {

using model::Scope;

namespace {

// What nn.Module has already, and what Model adds.
const std::set<std::string>& reserved() {
    static const std::set<std::string> names = {"forward",
                                                "training",
                                                "children",
                                                "modules",
                                                "parameters",
                                                "buffers",
                                                "half",
                                                "float",
                                                "double",
                                                "train",
                                                "eval",
                                                "apply",
                                                "cuda",
                                                "cpu",
                                                "to",
                                                "load",
                                                "compile",
                                                "register",
                                                "xpu",
                                                "ipu",
                                                "share_memory",
                                                "zero_grad",
                                                "state_dict",
                                                "forward_parallel",
                                                "extra_repr",
                                                "dump_patches",
                                                "bfloat16",
                                                "T_destination",
                                                "call_super_init",
                                                "mtia",
                                                "name"};
    return names;
}

/// Scope components as words: "layer.3" is two.
std::vector<std::string> words_of(const Scope& scope, size_t from) {
    std::vector<std::string> words;
    for (size_t k = from; k < scope.size(); ++k) {
        // Exporters repeat a container in its member: "layer1/layer1.0".
        std::string word;
        for (char c : scope[k] + ".") {
            if (c != '.') {
                word += c;
                continue;
            }
            if (!word.empty() && (words.empty() || words.back() != word)) words.push_back(word);
            word.clear();
        }
    }
    return words;
}

bool all_digits(const std::string& s) {
    return std::all_of(s.begin(), s.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
}

/// The last `count` words as one name; empty where that is none.
std::string joined(const std::vector<std::string>& words, size_t count) {
    if (count > words.size()) return "";
    std::string out;
    for (size_t k = words.size() - count; k < words.size(); ++k)
        out += (out.empty() ? "" : "_") + words[k];
    return all_digits(out.substr(0, 1)) ? "" : identifier(out);
}

/// "downsample_0" is the only one of its list where there is no "downsample_1".
std::string without_place(const std::string& name) {
    const size_t at = name.find_last_of('_');
    if (at == std::string::npos || at == 0 || at + 1 == name.size()) return name;
    return all_digits(name.substr(at + 1)) ? name.substr(0, at) : name;
}

/// A constant's own name where a person gave it: "encoder.pos_embedding" is pos_embedding.
std::string constant_name(const std::string& name) {
    if (name.find(':') != std::string::npos || name.find("onstant") != std::string::npos) return "";
    const size_t at = name.find_last_of("./");
    const std::string leaf = identifier(at == std::string::npos ? name : name.substr(at + 1));
    size_t digits = leaf.size();
    while (digits > 0 && std::isdigit(static_cast<unsigned char>(leaf[digits - 1])) != 0) --digits;
    const std::string stem = leaf.substr(0, digits);
    static const std::set<std::string> kMade = {
        "v",       "val_",    "val", "const_",       "_",      "t",
        "tensor_", "output_", "p",   "initializer_", "weight", "bias"};
    return digits < leaf.size() && kMade.count(stem) > 0 ? "" : leaf;
}

struct Wanted {
    int statement;
    const Module* module;
    std::vector<std::string> words;  ///< of its scope below the class's
};

class Namer {
public:
    Namer(const Source& source, const Tree& tree, const Unit& unit)
        : source_(source), tree_(tree), unit_(unit) {}

    Attributes name() {
        collect();
        for (const Wanted& w : wanted_) {
            if (w.module->kind == Module::Kind::Module && w.module->weights.empty())
                stateless_[w.module->base].insert(made_text(*w.module));
            if (!w.module->named) continue;
            for (size_t n = 1; n <= w.words.size(); ++n) {
                const std::string name = joined(w.words, n);
                ++seen_[name];
                if (without_place(name) != name) ++stems_[without_place(name)];
            }
            ++bases_[w.module->base];
        }
        for (const Wanted& w : wanted_) add(w);
        for (const Item& item : unit_.items)
            if (item.unit >= 0) out_.children.push_back({item.unit, child(item.unit)});
        return std::move(out_);
    }

private:
    static std::string made_text(const Module& m) {
        std::string text = m.type;
        for (const Argument& a : m.arguments) text += "," + a.key + "=" + a.text;
        return text;
    }

    void collect() {
        size_t depth = 0;
        Scope common;
        bool first = true;
        for (const Item& item : unit_.items) {
            if (item.statement < 0) continue;
            const Scope& s = tree_.scopes[static_cast<size_t>(item.statement)];
            if (s.empty()) continue;
            if (first)
                common = s;
            else
                common.resize(model::common_depth(common, s));
            first = false;
        }
        depth = common.size();
        for (const Item& item : unit_.items) {
            if (item.statement < 0) continue;
            const Statement& s = tree_.statements[static_cast<size_t>(item.statement)];
            const Scope& scope = tree_.scopes[static_cast<size_t>(item.statement)];
            const size_t from = std::min(depth, scope.empty() ? 0 : scope.size() - 1);
            for (const Module& m : s.modules)
                wanted_.push_back({item.statement, &m, words_of(scope, from)});
        }
    }

    std::string unique(const std::string& name) {
        std::string n = name;
        for (int k = 2; reserved().count(n) > 0 || !taken_.insert(n).second; ++k)
            n = name + "_" + std::to_string(k);
        return n;
    }

    std::string by_scope(const Wanted& w) const {
        for (size_t n = 1; n <= w.words.size(); ++n) {
            const std::string name = joined(w.words, n);
            if (name.empty() || seen_.at(name) != 1) continue;
            const std::string stem = without_place(name);
            const bool only = stem != name && stems_.at(stem) == 1 && seen_.count(stem) == 0;
            return only ? stem : name;
        }
        return "";
    }

    void add(const Wanted& w) {
        const Module& m = *w.module;
        std::string& shared = shared_[m.kind == Module::Kind::Module
                                          ? (m.weights.empty() ? made_text(m) : "")
                                          : "constant " + std::to_string(m.weights[0].constant.v)];
        const bool shares = m.kind != Module::Kind::Module || m.weights.empty();
        std::string name = shares ? shared : "";
        if (name.empty()) {
            name = unique(wanted_name(w));
            if (shares) shared = name;
            out_.made.push_back({name, &m});
        }
        out_.of[w.statement].push_back(name);
    }

    std::string wanted_name(const Wanted& w) {
        const Module& m = *w.module;
        if (m.kind != Module::Kind::Module) {
            const std::string own = constant_name(source_.graph.at(m.weights[0].constant).name);
            return own.empty() ? m.base : own;
        }
        if (m.named) {
            const std::string scoped = by_scope(w);
            if (!scoped.empty()) return scoped;
            return bases_[m.base] > 1 ? m.base + std::to_string(++numbers_[m.base]) : m.base;
        }
        return stateless_[m.base].size() > 1 ? m.base + std::to_string(++numbers_[m.base]) : m.base;
    }

    std::string child(int u) {
        const Unit& unit = tree_.units[static_cast<size_t>(u)];
        if (!unit.list.empty()) {
            if (unit.place == 0) lists_[unit.list] = unique(unit.list);
            return lists_[unit.list] + "[" + std::to_string(unit.place) + "]";
        }
        if (embeds(tree_, u)) return unique("embeddings");
        const std::vector<std::string> words = words_of(unit.scope, 0);
        std::string name = words.empty() ? "" : joined(words, 1);
        if (name.empty()) name = joined(words, 2);
        return unique(name.empty() ? "part" + std::to_string(++numbers_["part"]) : name);
    }

    const Source& source_;
    const Tree& tree_;
    const Unit& unit_;
    std::vector<Wanted> wanted_;
    std::map<std::string, std::set<std::string>> stateless_;  // by base
    std::map<std::string, int> seen_, stems_, bases_, numbers_;
    std::map<std::string, std::string> shared_, lists_;
    std::set<std::string> taken_;
    Attributes out_;
};

}  // namespace

bool embeds(const Tree& tree, int u) {
    size_t tables = 0, others = 0;
    for (const Item& item : tree.units[static_cast<size_t>(u)].items) {
        if (item.unit >= 0) return false;
        for (const Module& m : tree.statements[static_cast<size_t>(item.statement)].modules) {
            const bool norm = m.type.find("Norm") != std::string::npos;
            if (m.type == "nn.Embedding")
                ++tables;
            else if (m.kind == Module::Kind::Module && !m.weights.empty() && !norm)
                ++others;
        }
    }
    return tables > 0 && others == 0;
}

const std::string& Attributes::child(int unit) const {
    const auto found = std::find_if(children.begin(), children.end(),
                                    [&](const Child& c) { return c.unit == unit; });
    SMEATON_CHECK(found != children.end(), "unit {} is no child", unit);
    return found->name;
}

Attributes name_attributes(const Source& source, const Tree& tree, int unit) {
    return Namer(source, tree, tree.units[static_cast<size_t>(unit)]).name();
}

std::string telling_name(const std::string& attribute) {
    const size_t at = attribute.find_last_of('_');
    std::string word = at == std::string::npos ? attribute : attribute.substr(at + 1);
    while (!word.empty() && std::isdigit(static_cast<unsigned char>(word.back())) != 0)
        word.pop_back();
    static const std::set<std::string> kPlain = {
        "conv",      "deconv",    "bn",        "norm",       "relu",      "linear",  "fc",
        "dense",     "layer",     "pool",      "maxpool",    "avgpool",   "sigmoid", "tanh",
        "LayerNorm", "embedding", "proj",      "act",        "layernorm", "ln",      "lrn",
        "pad",       "softmax",   "upsample",  "classifier", "features",  "gelu",    "block",
        "part",      "constant",  "hardswish", "hardsigmoid"};
    return word.empty() || kPlain.count(word) > 0 || word.size() < 2 ? "" : identifier(word);
}

bool Variables::is_free(const std::string& name, int item) const {
    if (fixed_.count(name) > 0) return false;
    const auto holder = holder_.find(name);
    return holder == holder_.end() || last_.at(holder->second) < item;
}

void Variables::bind(ValueId id, const std::string& wanted, int last, bool keeps) {
    std::string name = wanted;
    for (int k = 2; fixed_.count(name) > 0 || holder_.count(name) > 0; ++k)
        name = wanted + "_" + std::to_string(k);
    names_[id.v] = name;
    last_[id.v] = last;
    holder_[name] = id.v;
    if (keeps) fixed_.insert(name);
}

std::string Variables::give(ValueId id, const std::vector<ValueId>& operands,
                            const std::string& hint, int item, int last) {
    std::string name;
    for (ValueId operand : operands) {
        const std::string& own = names_.at(operand.v);
        if (fixed_.count(own) > 0 || last_.at(operand.v) > item || holder_.at(own) != operand.v)
            continue;
        name = own;
        break;
    }
    // "x = self.stem(image)", but "key = self.key(x)" where x is read again.
    const bool one_of_several = hint == "part" || hint == "got";
    if (name.empty() && !one_of_several && is_free("x", item)) name = "x";
    const std::string base = hint.empty() ? "out" : hint;
    for (int k = 1; name.empty(); ++k) {
        const std::string next = k == 1 ? base : base + "_" + std::to_string(k);
        if (is_free(next, item)) name = next;
    }
    if (!hint.empty() && hint != "got" && name.starts_with(hint)) telling_.insert(name);
    names_[id.v] = name;
    last_[id.v] = last;
    holder_[name] = id.v;
    return name;
}

std::vector<ValueId> named_on(const Statement& s, const std::vector<ValueId>& operands,
                              const Variables& variables) {
    const bool layer = !s.modules.empty() && !s.modules[0].weights.empty() &&
                       s.expression.starts_with(module_mark(0));
    const bool product = s.expression.find(" @ ") != std::string::npos;
    std::vector<ValueId> kept;
    for (ValueId id : operands)
        if (!(layer || product) || !variables.tells(id)) kept.push_back(id);
    return kept;
}

}  // namespace smeaton::pytorch
