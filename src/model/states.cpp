#include "model/states.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "model/shape/known.h"

namespace smeaton::model {

namespace {

std::string names(const Graph& graph, const std::vector<ValueId>& ids) {
    std::vector<std::string> all;
    for (ValueId id : ids) all.push_back("'" + graph.at(id).name + "'");
    return all.empty() ? "none" : fmt::format("{}", fmt::join(all, ", "));
}

size_t place_of(const std::vector<ValueId>& ids, ValueId id) {
    return static_cast<size_t>(std::find(ids.begin(), ids.end(), id) - ids.begin());
}

ValueId named(const Graph& graph, const std::vector<ValueId>& ids, const std::string& name) {
    for (ValueId id : ids)
        if (graph.at(id).name == name) return id;
    return {};
}

// The input of that name; an initializer becomes one.
StatePair input_named(Graph& graph, const std::string& name) {
    if (ValueId id = named(graph, graph.inputs, name); id.valid())
        return {place_of(graph.inputs, id), 0, {}};
    for (size_t v = 0; v < graph.values.size(); ++v) {
        Value& value = graph.values[v];
        if (value.name != name || !value.constant) continue;
        StatePair state{graph.inputs.size(), 0, std::move(value.constant)};
        value.constant.reset();
        value.dtype = state.first->dtype();
        value.shape.emplace(state.first->shape().begin(), state.first->shape().end());
        graph.inputs.push_back({static_cast<int32_t>(v)});
        return state;
    }
    throw UserError(
        "state '{}': the model has no input or initializer of that name; its inputs "
        "are {}",
        name, names(graph, graph.inputs));
}

bool may_agree(const Value& a, const Value& b) {
    if (a.dtype && b.dtype && *a.dtype != *b.dtype) return false;
    if (!a.shape || !b.shape) return true;
    if (a.shape->size() != b.shape->size()) return false;
    for (size_t i = 0; i < a.shape->size(); ++i) {
        const Dim &x = (*a.shape)[i], &y = (*b.shape)[i];
        if (x.is_const() && y.is_const() && x != y) return false;
    }
    return true;
}

}  // namespace

Graph declare_states(Graph graph, const std::map<std::string, std::string>& states) {
    for (const auto& [input, output] : states) {
        ValueId made = named(graph, graph.outputs, output);
        if (!made.valid())
            throw UserError("state '{}': the model has no output '{}'; its outputs are {}", input,
                            output, names(graph, graph.outputs));
        StatePair state = input_named(graph, input);
        state.output = place_of(graph.outputs, made);
        graph.states.push_back(std::move(state));
    }
    std::sort(graph.states.begin(), graph.states.end(),
              [](const StatePair& a, const StatePair& b) { return a.input < b.input; });
    check_states(graph);
    return graph;
}

void check_states(const Graph& graph) {
    for (const StatePair& s : graph.states) {
        const Value& kept = graph.at(graph.inputs[s.input]);
        const Value& next = graph.at(graph.outputs[s.output]);
        if (!may_agree(kept, next))
            throw UserError(
                "state '{}' is {}, but the output '{}' that it takes its next value from is {}: "
                "element types and shapes must agree",
                kept.name, describe(kept.dtype, kept.shape), next.name,
                describe(next.dtype, next.shape));
    }
}

void require_sized_states(const Graph& bound) {
    for (const StatePair& s : bound.states) {
        const Value& v = bound.at(bound.inputs[s.input]);
        if (!v.dtype) throw UserError("state '{}': its element type is not known", v.name);
        if (!v.shape || !const_shape(*v.shape))
            throw UserError(
                "state '{}' is {}: its sizes must be known; bind them with dims "
                "({{\"NAME\": size}}, --dim NAME=SIZE)",
                v.name, describe(v.dtype, v.shape));
    }
}

const StatePair* state_of_input(const Graph& graph, size_t k) {
    for (const StatePair& s : graph.states)
        if (s.input == k) return &s;
    return nullptr;
}

bool goes_into_state(const Graph& graph, size_t k) {
    return std::any_of(graph.states.begin(), graph.states.end(),
                       [&](const StatePair& s) { return s.output == k; });
}

}  // namespace smeaton::model
