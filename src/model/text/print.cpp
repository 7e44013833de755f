#include <fmt/core.h>

#include <set>

#include "base/error.h"
#include "base/text_writer.h"
#include "model/text/text.h"
#include "tensor/tensor_text.h"

namespace smeaton::model {

namespace {

using tensor::is_large;
using tensor::tensor_text;

std::string reference(const Graph& graph, ValueId id) {
    if (!id.valid()) return "_";
    const std::string& name = graph.at(id).name;
    return name == "_" ? quoted(name) : name_text(name);
}

template <class List, class Text>
std::string joined(const List& list, std::string_view separator, Text text) {
    std::string out;
    for (const auto& item : list) {
        if (!out.empty()) out += separator;
        out += text(item);
    }
    return out;
}

/// "x: f32[N,3]", "x: ?[N]", "x: f32", or "x".
std::string definition(const Graph& graph, ValueId id) {
    std::string out = reference(graph, id);
    if (!id.valid()) return out;
    const Value& value = graph.at(id);
    if (!value.dtype && !value.shape) return out;
    out += fmt::format(": {}", value.dtype ? tensor::name(*value.dtype) : "?");
    if (value.shape)
        out += "[" + joined(*value.shape, ",", [](const Dim& d) { return d.str(); }) + "]";
    return out;
}

/// A list in brackets; an empty one names its type, which nothing else would tell.
template <class T, class Text>
std::string list_text(const std::vector<T>& list, std::string_view type, Text text) {
    if (list.empty()) return std::string(type) + "[]";
    return "[" + joined(list, ",", text) + "]";
}

struct AttributeText {
    std::string operator()(int64_t v) const { return std::to_string(v); }
    std::string operator()(double v) const { return float_text(v); }
    std::string operator()(const std::string& v) const { return quoted(v); }
    std::string operator()(const std::vector<int64_t>& v) const {
        return list_text(v, "ints", [](int64_t i) { return std::to_string(i); });
    }
    std::string operator()(const std::vector<double>& v) const {
        return list_text(v, "floats", [](double f) { return float_text(f); });
    }
    std::string operator()(const std::vector<std::string>& v) const {
        return list_text(v, "strings", [](const std::string& s) { return quoted(s); });
    }
    std::string operator()(const Tensor& v) const { return tensor_text(v); }
    std::string operator()(const GraphPtr&) const {
        SMEATON_CHECK(false, "subgraphs are printed in lines of their own");
    }
};

std::string attributes_text(const Node& node) {
    std::string out;
    for (const auto& [key, value] : node.attributes) {
        if (std::holds_alternative<GraphPtr>(value)) continue;
        out += (out.empty() ? " {" : ", ") + name_text(key) + ": " +
               std::visit(AttributeText(), value);
    }
    return out.empty() ? out : out + "}";
}

std::string operator_text(const Node& node) {
    if (node.op == OpType::kUnsupported) return "unsupported " + name_text(node.op_name);
    std::string op(name(node.op));
    if (node.op_name.empty() || node.op_name == op) return op;
    return op + " of " + name_text(node.op_name);
}

class Printer {
public:
    std::string text;

    void graph(const Graph& g, const std::string& prefix, int level) {
        line(level, prefix + "graph " + name_text(g.name));
        ++level;
        for (const auto& [domain, version] : g.opsets)
            line(level, fmt::format("opset {} {}", quoted(domain), version));
        if (g.open_weights) line(level, "open weights");
        for (const std::string& warning : g.warnings) line(level, "warning " + quoted(warning));
        for (ValueId id : g.inputs) line(level, "input " + definition(g, id));
        std::set<ValueId> used(g.outputs.begin(), g.outputs.end());
        for (const Node& node : g.nodes) used.insert(node.inputs.begin(), node.inputs.end());
        for (ValueId id : used)
            if (id.valid() && g.at(id).constant)
                line(level, fmt::format("const {}: {}", reference(g, id),
                                        tensor_text(*g.at(id).constant)));
        for (const Node& n : g.nodes) node(g, n, level);
        for (size_t k = 0; k < g.outputs.size(); ++k) output(g, k, level);
    }

private:
    void output(const Graph& g, size_t k, int level) {
        std::string out = "output " + reference(g, g.outputs[k]);
        for (const StatePair& s : g.states) {
            if (s.output != k) continue;
            out += " into " + reference(g, g.inputs[s.input]);
            if (s.first) out += " from " + tensor_text(*s.first);
        }
        line(level, out);
    }

    void node(const Graph& g, const Node& n, int level) {
        std::string outputs =
            joined(n.outputs, ", ", [&](ValueId id) { return definition(g, id); });
        std::string inputs = joined(n.inputs, ", ", [&](ValueId id) { return reference(g, id); });
        std::string out = fmt::format("{}{}{}({}){} since {} as {}", outputs,
                                      outputs.empty() ? "" : " = ", operator_text(n), inputs,
                                      attributes_text(n), n.since_version, name_text(n.name));
        if (!n.origins.empty())
            out += " from " + joined(n.origins, ", ", [](const auto& o) { return name_text(o); });
        if (!n.unsupported_reason.empty()) out += " because " + quoted(n.unsupported_reason);
        line(level, out);
        for (const auto& [key, value] : n.attributes)
            if (const auto* subgraph = std::get_if<GraphPtr>(&value))
                graph(**subgraph, name_text(key) + ": ", level + 1);
    }

    void line(int level, const std::string& content) {
        text.append(static_cast<size_t>(2 * level), ' ');
        text += content + "\n";
    }
};

void collect(const Graph& g, ConstantTable& out) {
    auto add = [&](const Tensor& t) {
        if (is_large(t)) out.emplace(content_hash(t), t);
    };
    for (const Value& value : g.values)
        if (value.constant) add(*value.constant);
    for (const StatePair& s : g.states)
        if (s.first) add(*s.first);
    for (const Node& node : g.nodes)
        for (const auto& [key, attribute] : node.attributes) {
            if (const auto* tensor = std::get_if<Tensor>(&attribute)) add(*tensor);
            if (const auto* subgraph = std::get_if<GraphPtr>(&attribute)) collect(**subgraph, out);
        }
}

}  // namespace

std::string print(const Graph& graph) {
    Printer printer;
    printer.graph(graph, "", 0);
    return std::move(printer.text);
}

ConstantTable large_constants(const Graph& graph) {
    ConstantTable out;
    collect(graph, out);
    return out;
}

}  // namespace smeaton::model
