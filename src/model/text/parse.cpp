#include <fmt/core.h>

#include <algorithm>

#include "base/error.h"
#include "base/text_reader.h"
#include "model/text/text.h"
#include "model/verify.h"
#include "tensor/dim_text.h"

namespace smeaton::model {

namespace {

/// `item` { "," `item` } up to `close`, which is taken.
template <class Item>
void read_list(TextReader& r, std::string_view close, Item item) {
    for (bool first = true; !r.accept(close); first = false) {
        if (!first) r.expect(",");
        item();
    }
}

/// Parses one graph; subgraphs by a Parser of their own over the same reader.
class Parser {
public:
    Parser(TextReader& reader, const ConstantTable& constants, int level)
        : r_(reader), constants_(constants), level_(level) {}

    /// After the word "graph".
    Graph run() {
        graph_.name = r_.name("the graph's name");
        r_.end_line();
        while (r_.line_at(level_)) line();
        std::sort(graph_.states.begin(), graph_.states.end(),
                  [](const auto& a, const auto& b) { return a.input < b.input; });
        return std::move(graph_);
    }

private:
    void line() {
        // A value may bear the name of a keyword; the token after it tells.
        bool definition = is_punctuation(1, ":") || is_punctuation(1, "=") ||
                          is_punctuation(1, ",") || is_punctuation(1, "(");
        if (!definition && r_.accept("opset")) {
            std::string domain = r_.string("a domain");
            graph_.opsets[domain] = static_cast<int>(r_.integer("a version"));
        } else if (!definition && r_.accept("open")) {
            r_.expect("weights");
            graph_.open_weights = true;
        } else if (!definition && r_.accept("warning")) {
            graph_.warnings.push_back(r_.string());
        } else if (!definition && r_.accept("input")) {
            graph_.inputs.push_back(definition_of_value());
        } else if (!definition && r_.accept("const")) {
            constant();
        } else if (!definition && r_.accept("output")) {
            graph_.outputs.push_back(reference());
            while (r_.accept("into")) state();
        } else {
            return node();  // ends its line itself: subgraphs follow
        }
        r_.end_line();
    }

    bool is_punctuation(size_t ahead, std::string_view text) const {
        const Token& t = r_.peek(ahead);
        return t.kind == TokenKind::Punctuation && t.text == text;
    }

    /// After "into".
    void state() {
        Token place = r_.peek();
        auto input = std::find(graph_.inputs.begin(), graph_.inputs.end(), reference());
        if (input == graph_.inputs.end())
            r_.fail(place, fmt::format("{} is no input of the graph", place.text));
        auto at = static_cast<size_t>(input - graph_.inputs.begin());
        StatePair s{at, graph_.outputs.size() - 1, {}};
        if (r_.accept("from")) s.first = tensor::read_tensor(r_, constants_);
        graph_.states.push_back(std::move(s));
    }

    void constant() {
        ValueId id = define();
        r_.expect(":");
        Tensor t = tensor::read_tensor(r_, constants_);
        Value& value = graph_.at(id);
        value.dtype = t.dtype();
        value.shape.emplace(t.shape().begin(), t.shape().end());
        value.constant = std::move(t);
    }

    /// A new value by name.
    ValueId define() {
        Token place = r_.peek();
        std::string name = r_.name("a value's name");
        ValueId id{static_cast<int32_t>(graph_.values.size())};
        if (!ids_.emplace(name, id).second)
            r_.fail(place, fmt::format("value {} is defined twice", name));
        graph_.values.emplace_back().name = name;
        return id;
    }

    ValueId definition_of_value() {
        ValueId id = define();
        if (!r_.accept(":")) return id;
        Value& value = graph_.at(id);
        Token place = r_.peek();
        if (!r_.accept("?")) {
            value.dtype = tensor::dtype_named(r_.identifier("a dtype"));
            if (!value.dtype)
                r_.fail(place, fmt::format("expected a dtype, found {}", describe(place)));
        }
        if (!r_.accept("[")) return id;
        value.shape.emplace();
        read_list(r_, "]", [&] { value.shape->push_back(tensor::read_dim(r_)); });
        return id;
    }

    ValueId reference() {
        if (r_.accept("_")) return {};
        Token place = r_.peek();
        auto found = ids_.find(r_.name("a value's name"));
        if (found == ids_.end())
            r_.fail(place, fmt::format("value {} is not defined above", place.text));
        return found->second;
    }

    void node() {
        Node n;
        size_t ahead = 0;
        while (!is_punctuation(ahead, "=") && r_.peek(ahead).kind != TokenKind::LineEnd) ++ahead;
        if (is_punctuation(ahead, "=")) {
            while (true) {
                n.outputs.push_back(r_.accept("_") ? ValueId{} : definition_of_value());
                if (r_.accept("=")) break;
                r_.expect(",");
            }
        }
        operator_name(n);
        r_.expect("(");
        read_list(r_, ")", [&] { n.inputs.push_back(reference()); });
        if (r_.accept("{")) read_list(r_, "}", [&] { attribute(n); });
        r_.expect("since");
        n.since_version = static_cast<int>(r_.integer("a version"));
        r_.expect("as");
        n.name = r_.name("the node's name");
        if (r_.accept("from")) {
            do n.origins.push_back(r_.name("a node of the file"));
            while (r_.accept(","));
        }
        if (r_.accept("because")) n.unsupported_reason = r_.string("a reason");
        r_.end_line();
        while (r_.line_at(level_ + 1)) subgraph(n);
        graph_.nodes.push_back(std::move(n));
    }

    void operator_name(Node& n) {
        if (r_.accept("unsupported")) {
            n.op_name = r_.name("an operator");
            return;
        }
        Token place = r_.peek();
        n.op_name = r_.identifier("an operator");
        auto op = op_named(n.op_name);
        if (!op) r_.fail(place, fmt::format("expected an operator, found {}", describe(place)));
        n.op = *op;
        if (r_.accept("of")) n.op_name = r_.name("an operator");
    }

    void attribute(Node& n) {
        Token place = r_.peek();
        std::string key = r_.name("an attribute");
        r_.expect(":");
        if (!n.attributes.emplace(key, attribute_value()).second)
            r_.fail(place, fmt::format("attribute {} is given twice", key));
    }

    Attribute attribute_value() {
        if (r_.at(TokenKind::String)) return r_.string();
        if (r_.at_number()) return number();
        if (r_.accept("[")) return list();
        for (const auto& [word, empty] :
             {std::pair<const char*, Attribute>{"ints", std::vector<int64_t>()},
              {"floats", std::vector<double>()},
              {"strings", std::vector<std::string>()}}) {
            if (!r_.accept(word)) continue;
            r_.expect("[");
            r_.expect("]");
            return empty;
        }
        if (!r_.at(TokenKind::Identifier)) r_.fail_expected("an attribute's value");
        return tensor::read_tensor(r_, constants_);
    }

    /// An integer token gives int64_t, any other number double.
    Attribute number() {
        const Token& t = r_.peek(r_.at("-") ? 1 : 0);
        if (t.kind == TokenKind::Integer) return r_.integer();
        return r_.number();
    }

    /// After "[", not empty; the first element tells the type.
    Attribute list() {
        if (r_.at(TokenKind::String)) {
            std::vector<std::string> out;
            read_list(r_, "]", [&] { out.push_back(r_.string()); });
            return out;
        }
        if (!r_.at_number()) r_.fail_expected("a number or a string");
        const Token& t = r_.peek(r_.at("-") ? 1 : 0);
        if (t.kind == TokenKind::Integer) {
            std::vector<int64_t> out;
            read_list(r_, "]", [&] { out.push_back(r_.integer()); });
            return out;
        }
        std::vector<double> out;
        read_list(r_, "]", [&] { out.push_back(r_.number()); });
        return out;
    }

    void subgraph(Node& n) {
        Token place = r_.peek();
        std::string key = r_.name("an attribute");
        r_.expect(":");
        r_.expect("graph");
        auto graph = std::make_shared<const Graph>(Parser(r_, constants_, level_ + 2).run());
        if (!n.attributes.emplace(key, std::move(graph)).second)
            r_.fail(place, fmt::format("attribute {} is given twice", key));
    }

    TextReader& r_;
    const ConstantTable& constants_;
    int level_;
    Graph graph_;
    std::map<std::string, ValueId> ids_;
};

}  // namespace

Graph parse(std::string_view text, const std::string& file, const ConstantTable& constants) {
    TextReader reader(file, text);
    reader.line_at(0);
    reader.expect("graph");
    Graph graph = Parser(reader, constants, 1).run();
    if (!reader.at_end()) reader.fail_expected("the end of the text");
    try {
        verify(graph, "parsing");
    } catch (const InternalError& error) {
        throw UserError("{}: {}", file, error.what());
    }
    return graph;
}

}  // namespace smeaton::model
