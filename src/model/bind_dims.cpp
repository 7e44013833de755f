#include "model/bind_dims.h"

#include <fmt/core.h>

#include <charconv>
#include <memory>
#include <optional>
#include <set>

#include "base/error.h"

namespace smeaton::model {

using tensor::Bindings;

namespace {

struct Bound {
    int64_t value = 0;
    std::string source;  // "input 'x' (fed), axis 0", "--dim N=3"
};

/// What is known while the inputs are gone through.
struct State {
    std::map<Name, Bound> by_name;
    std::set<Name> ambiguous;  // fed with two values
    std::vector<std::string> warnings;
};

const Value* find_input(const Graph& graph, const std::string& name) {
    for (const ValueId id : graph.inputs)
        if (graph.at(id).name == name) return &graph.at(id);
    return nullptr;
}

std::string input_names(const Graph& graph) {
    std::string names;
    for (const ValueId id : graph.inputs)
        names += fmt::format("{}'{}'", names.empty() ? "" : ", ", graph.at(id).name);
    return names;
}

const Value& input_named(const Graph& graph, const std::string& name) {
    const Value* input = find_input(graph, name);
    if (input == nullptr)
        throw UserError("the model has no input '{}'; its inputs are {}", name, input_names(graph));
    return *input;
}

/// The only parameter of a size that is nothing but that parameter.
std::optional<Name> symbol_of(const Dim& dim) {
    const std::vector<Name> symbols = dim.symbols();
    if (symbols.size() != 1 || dim != Dim::symbol(symbols.front())) return std::nullopt;
    return symbols.front();
}

std::set<Name> input_symbols(const Graph& graph) {
    std::set<Name> all;
    for (const ValueId id : graph.inputs)
        if (graph.at(id).shape)
            for (const Dim& dim : *graph.at(id).shape)
                for (const Name symbol : dim.symbols()) all.insert(symbol);
    return all;
}

void bind_fed(State& state, const Value& input, const std::vector<int64_t>& fed) {
    if (!input.shape) return;
    if (fed.size() != input.shape->size())
        throw UserError("input '{}' is fed {} dimensions, but the model states {}", input.name,
                        fed.size(), input.shape->size());
    for (size_t axis = 0; axis < fed.size(); ++axis) {
        const Dim& stated = (*input.shape)[axis];
        const std::string source = fmt::format("input '{}' (fed), axis {}", input.name, axis);
        if (fed[axis] < 0) throw UserError("{}: the negative size {}", source, fed[axis]);
        if (stated.is_const() && !stated.is(fed[axis]))
            throw UserError("{}: size {}, but the model states {}", source, fed[axis],
                            stated.str());
        const std::optional<Name> symbol = symbol_of(stated);
        if (!symbol) continue;
        const auto [at, is_new] = state.by_name.emplace(*symbol, Bound{fed[axis], source});
        if (is_new || at->second.value == fed[axis]) continue;
        if (state.ambiguous.insert(*symbol).second)
            state.warnings.push_back(
                fmt::format("dimension '{}' is {} in {} and {} in {}; each input keeps its own",
                            symbol->str(), at->second.value, at->second.source, fed[axis], source));
    }
}

void bind_option(State& state, Name symbol, int64_t value, const std::string& source) {
    if (value < 0) throw UserError("{}: a size is not negative", source);
    const auto [at, is_new] = state.by_name.emplace(symbol, Bound{value, source});
    if (!is_new && (at->second.value != value || state.ambiguous.count(symbol) != 0))
        throw UserError("{} contradicts {}, which gives {}", source, at->second.source,
                        at->second.value);
}

void bind_axis(State& state, const Graph& graph, const std::string& name, int axis, int64_t value) {
    const Value& input = input_named(graph, name);
    const std::string source = fmt::format("--dim {}:{}={}", name, axis, value);
    if (!input.shape) throw UserError("{}: the rank of input '{}' is not known", source, name);
    const int rank = static_cast<int>(input.shape->size());
    const int at = axis < 0 ? axis + rank : axis;
    if (at < 0 || at >= rank)
        throw UserError("{}: input '{}' has the axes 0 to {}", source, name, rank - 1);
    const Dim& stated = (*input.shape)[static_cast<size_t>(at)];
    if (stated.is_const() && !stated.is(value))
        throw UserError("{}: the model states {}", source, stated.str());
    if (const std::optional<Name> symbol = symbol_of(stated))
        bind_option(state, *symbol, value, source);
}

void bind_shape(std::optional<std::vector<Dim>>& shape, const Bindings& bindings) {
    if (!shape) return;
    for (Dim& dim : *shape)
        if (!dim.is_const()) dim = dim.bind(bindings);
}

bool has_symbols(const Graph& graph) {
    for (const Value& value : graph.values)
        if (value.shape)
            for (const Dim& dim : *value.shape)
                if (!dim.is_const()) return true;
    for (const Node& node : graph.nodes)
        for (const auto& [key, attribute] : node.attributes)
            if (const auto* subgraph = std::get_if<GraphPtr>(&attribute))
                if (*subgraph != nullptr && has_symbols(**subgraph)) return true;
    return false;
}

void bind_values(Graph& graph, const Bindings& bindings) {
    for (Value& value : graph.values) bind_shape(value.shape, bindings);
    for (Node& node : graph.nodes)
        for (auto& [key, attribute] : node.attributes) {
            auto* subgraph = std::get_if<GraphPtr>(&attribute);
            if (subgraph == nullptr || *subgraph == nullptr || !has_symbols(**subgraph)) continue;
            auto bound = std::make_shared<Graph>(**subgraph);
            bind_values(*bound, bindings);
            *subgraph = std::move(bound);
        }
}

/// Constants that are fed become inputs, declared as the file declares them.
void override_constants(Graph& graph, const DimBindings& bindings) {
    for (const Value& declared : graph.overridable) {
        if (bindings.fed_shapes.count(declared.name) == 0) continue;
        for (size_t v = 0; v < graph.values.size(); ++v) {
            Value& value = graph.values[v];
            if (value.name != declared.name || !value.constant) continue;
            value.constant.reset();
            value.dtype = declared.dtype ? declared.dtype : value.dtype;
            value.shape = declared.shape;
            graph.inputs.push_back({static_cast<int32_t>(v)});
        }
    }
    graph.overridable.clear();
    graph.declared_outputs.clear();
}

}  // namespace

DimBindings dim_bindings(const Graph& graph, const std::map<std::string, int64_t>& options) {
    DimBindings bindings;
    const std::set<Name> symbols = input_symbols(graph);
    for (const auto& [text, value] : options) {
        // A parameter may itself be called INPUT:AXIS; then both spellings mean the same.
        if (symbols.count(Name(text)) != 0) {
            bindings.by_name.emplace(text, value);
            continue;
        }
        const size_t colon = text.rfind(':');
        int axis = 0;
        const char* begin = text.data() + (colon == std::string::npos ? 0 : colon + 1);
        const char* end = text.data() + text.size();
        const auto parsed = std::from_chars(begin, end, axis);
        if (colon != std::string::npos && parsed.ec == std::errc() && parsed.ptr == end) {
            input_named(graph, text.substr(0, colon));
            bindings.by_axis.emplace(std::pair(text.substr(0, colon), axis), value);
            continue;
        }
        std::string known;
        for (const Name symbol : symbols)
            known += fmt::format("{}'{}'", known.empty() ? "" : ", ", symbol.str());
        throw UserError("--dim {}={}: no input has a dimension of that name; the open ones are: {}",
                        text, value, known.empty() ? "none" : known);
    }
    return bindings;
}

Graph bind_dims(Graph graph, const DimBindings& bindings) {
    override_constants(graph, bindings);
    State state;
    for (const auto& [name, shape] : bindings.fed_shapes)
        bind_fed(state, input_named(graph, name), shape);
    for (const auto& [name, value] : bindings.by_name)
        bind_option(state, Name(name), value, fmt::format("--dim {}={}", name, value));
    for (const auto& [place, value] : bindings.by_axis)
        bind_axis(state, graph, place.first, place.second, value);

    Bindings values;
    for (const auto& [name, bound] : state.by_name)
        if (state.ambiguous.count(name) == 0) values.emplace(name, bound.value);
    for (const ValueId id : graph.inputs) {
        Value& input = graph.at(id);
        const auto fed = bindings.fed_shapes.find(input.name);
        if (fed != bindings.fed_shapes.end()) {
            input.shape = std::vector<Dim>(fed->second.begin(), fed->second.end());
            continue;
        }
        if (!input.shape) continue;
        for (const Dim& dim : *input.shape)
            for (const Name symbol : dim.symbols())
                if (state.ambiguous.count(symbol) != 0)
                    throw UserError(
                        "input '{}' is not fed, and its dimension '{}' has two values: {}",
                        input.name, symbol.str(), state.warnings.front());
    }
    if (!values.empty()) bind_values(graph, values);
    graph.warnings.insert(graph.warnings.end(), state.warnings.begin(), state.warnings.end());
    return graph;
}

std::vector<std::string> unbound_dims(const Graph& graph) {
    std::vector<std::string> unbound;
    for (const ValueId id : graph.inputs) {
        const Value& input = graph.at(id);
        if (!input.shape) {
            unbound.push_back(fmt::format("input '{}': its rank", input.name));
            continue;
        }
        for (size_t axis = 0; axis < input.shape->size(); ++axis)
            if (!(*input.shape)[axis].is_const())
                unbound.push_back(fmt::format("input '{}', axis {}: {}", input.name, axis,
                                              (*input.shape)[axis].str()));
    }
    return unbound;
}

}  // namespace smeaton::model
