// Binding of symbolic dims: from fed shapes and from names.
#include <algorithm>
#include <charconv>
#include <set>

#include "base/error.h"
#include "model/shape/infer.h"

namespace smeaton::model {

namespace {

ValueId input_named(const Graph& graph, const std::string& name) {
    for (ValueId id : graph.inputs) {
        if (graph.at(id).name == name) return id;
    }
    return {};
}

/// What the declared dims and the sizes of one input say about symbols.
void bind_from(const Value& input, const std::vector<int64_t>& sizes, tensor::Bindings& bindings) {
    const std::string fed = describe(to_dims(sizes));
    if (input.shape->size() != sizes.size()) {
        throw UserError("input '{}' expects {}, {} was fed", input.name,
                        describe(input.dtype, input.shape), fed);
    }
    for (size_t d = 0; d < sizes.size(); ++d) {
        const Dim& declared = (*input.shape)[d];
        if (declared.is_const()) {
            // Files write 0 for "any" as well as for "empty": what is fed decides.
            if (!declared.is(sizes[d]) && !declared.is(0)) {
                throw UserError("input '{}' expects {}, {} was fed", input.name,
                                describe(input.dtype, input.shape), fed);
            }
            continue;
        }
        const std::vector<Name> symbols = declared.symbols();
        if (symbols.size() != 1 || declared != Dim::symbol(symbols[0])) continue;
        const auto [at, fresh] = bindings.emplace(symbols[0], sizes[d]);
        if (!fresh && at->second != sizes[d]) {
            throw UserError("dim {} of input '{}' is {} here and {} elsewhere", symbols[0].str(),
                            input.name, sizes[d], at->second);
        }
    }
}

/// "INPUT:AXIS" -> the dim it names; nothing when `key` has no such form or no such input exists.
Dim* dim_named(Graph& graph, const std::string& key) {
    const size_t colon = key.rfind(':');
    if (colon == std::string::npos) return nullptr;
    const ValueId id = input_named(graph, key.substr(0, colon));
    if (!id.valid()) return nullptr;
    Value& input = graph.at(id);
    int64_t axis = 0;
    const char* end = key.data() + key.size();
    const auto [stop, error] = std::from_chars(key.data() + colon + 1, end, axis);
    const auto rank = static_cast<int64_t>(input.shape ? input.shape->size() : 0);
    if (error != std::errc() || stop != end || axis < -rank || axis >= rank) {
        throw UserError("--dim {}: input '{}' {} has no such axis", key, input.name,
                        describe(input.dtype, input.shape));
    }
    return &(*input.shape)[static_cast<size_t>(axis < 0 ? axis + rank : axis)];
}

}  // namespace

std::vector<Name> unbound_dims(const Graph& graph) {
    std::set<Name> found;
    for (ValueId id : graph.inputs) {
        for (const Dim& d : graph.at(id).shape.value_or(Shape{})) {
            for (Name symbol : d.symbols()) found.insert(symbol);
        }
    }
    return {found.begin(), found.end()};
}

Graph bind_dims(Graph graph, const std::map<std::string, std::vector<int64_t>>& fed,
                const std::map<std::string, int64_t>& dims) {
    tensor::Bindings bindings;
    const std::vector<Name> symbols = unbound_dims(graph);
    for (const auto& [key, size] : dims) {
        if (size < 0) throw UserError("--dim {}={}: expected 0 or more", key, size);
        if (std::find(symbols.begin(), symbols.end(), Name(key)) != symbols.end()) {
            bindings[Name(key)] = size;
            continue;
        }
        Dim* dim = dim_named(graph, key);
        if (!dim) {
            std::string list;
            for (Name s : symbols) list += (list.empty() ? "" : ", ") + s.str();
            throw UserError("--dim {}: no dim of that name; the model has {}", key,
                            list.empty() ? "none" : list);
        }
        if (!dim->is_const() && *dim == Dim::symbol(dim->symbols().front())) {
            bindings[dim->symbols().front()] = size;
        } else if (dim->is_const() && !dim->is(size) && !dim->is(0)) {
            throw UserError("--dim {}={}: the model fixes it at {}", key, size, dim->str());
        } else {
            *dim = size;
        }
    }
    for (const auto& [name, sizes] : fed) {
        const ValueId id = input_named(graph, name);
        if (!id.valid()) throw UserError("there is no input '{}'", name);
        Value& input = graph.at(id);
        if (input.shape) bind_from(input, sizes, bindings);
        input.shape = to_dims(sizes);
    }
    for (Value& value : graph.values) {
        if (!value.shape) continue;
        for (Dim& d : *value.shape) d = d.bind(bindings);
    }
    return graph;
}

}  // namespace smeaton::model
