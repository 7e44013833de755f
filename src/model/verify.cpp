#include "model/verify.h"

#include <fmt/core.h>

#include <set>
#include <string>

#include "base/error.h"

namespace smeaton::model {

namespace {

class Verifier {
public:
    Verifier(const Graph& graph, std::string where)
        : graph_(graph), where_(std::move(where)), defined_by_(graph.values.size()) {}

    void run() {
        for (ValueId id : graph_.inputs) {
            check_id(id, "graph inputs");
            define(id, "a graph input");
        }
        for (size_t v = 0; v < graph_.values.size(); ++v)
            if (graph_.values[v].constant) define({static_cast<int32_t>(v)}, "a constant");
        std::set<std::string> node_names;
        for (const Node& node : graph_.nodes) {
            if (node.name.empty()) fail("a node of operator " + node.op_name + " has no name");
            if (!node_names.insert(node.name).second) fail("two nodes have the name " + node.name);
            verify_node(node);
        }
        for (ValueId id : graph_.outputs) use(id, "graph outputs");
        verify_states();
        for (size_t v = 0; v < graph_.values.size(); ++v) verify_value(v);
    }

    void require_shapes() const {
        for (size_t v = 0; v < graph_.values.size(); ++v) {
            const Value& value = graph_.values[v];
            if (defined_by_[v].empty()) continue;
            if (!value.dtype) fail("value " + value.name + " has no dtype");
            if (!value.shape) fail("value " + value.name + " has no shape");
        }
    }

private:
    void verify_states() const {
        std::set<size_t> inputs;
        for (const StatePair& s : graph_.states) {
            if (s.input >= graph_.inputs.size() || s.output >= graph_.outputs.size())
                fail("a state names an input or output that is not there");
            if (!inputs.insert(s.input).second)
                fail("two states name input " + graph_.at(graph_.inputs[s.input]).name);
        }
    }

    void verify_node(const Node& node) {
        std::string place = "node " + node.name;
        for (ValueId id : node.inputs)
            if (id.valid()) use(id, place);
        for (ValueId id : node.outputs) {
            if (!id.valid()) continue;
            check_id(id, place);
            define(id, "an output of " + place);
        }
        for (const auto& [key, attribute] : node.attributes)
            if (const auto* subgraph = std::get_if<GraphPtr>(&attribute))
                verify_subgraph(node, key, *subgraph);
    }

    void verify_subgraph(const Node& node, const std::string& key, const GraphPtr& subgraph) const {
        std::string place = fmt::format("{}, node {}, {}", where_, node.name, key);
        if (subgraph == nullptr) throw InternalError(place + ": the subgraph is missing");
        size_t captures = static_cast<size_t>(attribute_int(node, "captures", 0));
        size_t own = node.op == OpType::kIf ? 1 : 0;
        if (captures + own > node.inputs.size() || captures > subgraph->inputs.size())
            throw InternalError(fmt::format(
                "{}: {} captured values, but the node has {} inputs and the subgraph {}", place,
                captures, node.inputs.size(), subgraph->inputs.size()));
        if (node.op == OpType::kIf &&
            (node.inputs.size() != captures + 1 || subgraph->inputs.size() != captures))
            throw InternalError(
                fmt::format("{}: inputs beyond the condition and the captured values", place));
        if (node.op == OpType::kIf && subgraph->outputs.size() != node.outputs.size())
            throw InternalError(fmt::format("{}: {} outputs, but the node has {}", place,
                                            subgraph->outputs.size(), node.outputs.size()));
        Verifier(*subgraph, place).run();
    }

    void verify_value(size_t v) {
        if (defined_by_[v].empty()) return;  // left over by a pass, of no meaning
        const Value& value = graph_.values[v];
        if (value.name.empty()) fail("a value that is " + defined_by_[v] + " has no name");
        if (!value_names_.insert(value.name).second) fail("two values have the name " + value.name);
        if (value.shape)
            for (const Dim& d : *value.shape)
                if (d.is_const() && d.value() < 0)
                    fail("value " + value.name + " has a negative dim");
        if (!value.constant) return;
        if (value.dtype && *value.dtype != value.constant->dtype())
            fail(fmt::format("constant {} is {}, its value says {}", value.name,
                             tensor::name(value.constant->dtype()), tensor::name(*value.dtype)));
        if (!value.shape) return;
        const auto& shape = value.constant->shape();
        if (*value.shape != std::vector<Dim>(shape.begin(), shape.end()))
            fail("constant " + value.name + " has another shape than its value");
    }

    void check_id(ValueId id, const std::string& place) const {
        if (id.v < 0 || static_cast<size_t>(id.v) >= graph_.values.size())
            fail(fmt::format("{}: value id {} is out of range", place, id.v));
    }

    void use(ValueId id, const std::string& place) const {
        check_id(id, place);
        if (defined_by_[static_cast<size_t>(id.v)].empty())
            fail(fmt::format("{}: value {} is read before it is defined", place,
                             graph_.at(id).name));
    }

    void define(ValueId id, const std::string& how) {
        std::string& before = defined_by_[static_cast<size_t>(id.v)];
        if (!before.empty())
            fail(fmt::format("value {} is {} and also {}", graph_.at(id).name, before, how));
        before = how;
    }

    [[noreturn]] void fail(const std::string& message) const {
        throw InternalError(where_ + ": " + message);
    }

    const Graph& graph_;
    std::string where_;
    std::vector<std::string> defined_by_;  // by value; empty: not defined (yet)
    std::set<std::string> value_names_;
};

std::string place_after(const Graph& graph, std::string_view pass) {
    return fmt::format("after {}, graph {}", pass, graph.name);
}

}  // namespace

void verify(const Graph& graph, std::string_view pass) {
    Verifier(graph, place_after(graph, pass)).run();
}

void verify(const ShapedGraph& shaped, std::string_view pass) {
    Verifier verifier(shaped.graph, place_after(shaped.graph, pass));
    verifier.run();
    verifier.require_shapes();
}

}  // namespace smeaton::model
