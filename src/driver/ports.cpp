#include "driver/ports.h"

#include <algorithm>

#include "base/error.h"
#include "driver/model_file.h"
#include "driver/naming.h"
#include "lower/evaluate.h"
#include "model/shape/infer.h"
#include "model/states.h"
#include "model/unsupported.h"

namespace smeaton::driver {

static PortInfo port(const model::Value& v) {
    return {v.name, v.dtype.value_or(DType::kF32), v.shape.value_or(std::vector<Dim>{}),
            v.shape.has_value()};
}

static void complete(model::Value& declared, const model::Value& found) {
    if (!declared.dtype) declared.dtype = found.dtype;
    if (!declared.shape) declared.shape = found.shape;
}

/// The outputs as the file declares them; what it leaves out, as shape inference finds it.
static std::vector<model::Value> outputs_of(const model::Graph& graph) {
    std::vector<model::Value> values = graph.declared_outputs;
    values.resize(graph.outputs.size());  // a graph that no file holds declares nothing
    bool whole = true;
    for (size_t k = 0; k < values.size(); ++k) {
        values[k].name = graph.at(graph.outputs[k]).name;
        complete(values[k], graph.at(graph.outputs[k]));
        whole = whole && values[k].dtype && values[k].shape;
    }
    if (whole) return values;
    try {
        const model::ShapedGraph shaped = model::infer_shapes(graph, {}, lower::evaluate);
        for (size_t k = 0; k < values.size(); ++k)
            complete(values[k], shaped.graph.at(shaped.graph.outputs[k]));
    } catch (const UserError&) {
        // Sizes that hang on fed values or on open dims are known when the model is compiled.
    }
    return values;
}

static bool is_state(const model::Graph& graph, const std::string& name) {
    return std::any_of(graph.states.begin(), graph.states.end(), [&](const model::StatePair& s) {
        return graph.at(graph.inputs[s.input]).name == name;
    });
}

model::Graph with_states(model::Graph graph, const std::string& label,
                         const SessionOptions& options) {
    naming(label, [&] {
        graph = model::declare_states(std::move(graph), options.state);
        model::refuse_unsupported(graph);
    });
    return graph;
}

model::Graph read_model(const std::string& path, const SessionOptions& options) {
    return with_states(read_graph(path), path, options);
}

std::vector<PortInfo> input_ports(const model::Graph& graph) {
    std::vector<PortInfo> out;
    for (size_t k = 0; k < graph.inputs.size(); ++k)
        if (!model::state_of_input(graph, k)) out.push_back(port(graph.at(graph.inputs[k])));
    return out;
}

std::vector<PortInfo> output_ports(const model::Graph& graph) {
    const std::vector<model::Value> outputs = outputs_of(graph);
    std::vector<PortInfo> out;
    for (size_t k = 0; k < outputs.size(); ++k)
        if (!model::goes_into_state(graph, k)) out.push_back(port(outputs[k]));
    return out;
}

std::vector<PortInfo> overridable_ports(const model::Graph& graph) {
    std::vector<PortInfo> out;
    for (const model::Value& declared : graph.overridable)
        if (!is_state(graph, declared.name)) out.push_back(port(declared));
    return out;
}

void refuse_deciding_states(const model::Graph& graph, const std::vector<std::string>& inputs) {
    for (const model::StatePair& s : graph.states)
        for (const std::string& name : inputs)
            if (graph.at(graph.inputs[s.input]).name == name)
                throw UserError(
                    "shapes depend on the value of '{}', which as a state changes from run to run: "
                    "feed it, or keep it constant",
                    name);
}

std::map<std::string, std::string> parse_states(const std::vector<std::string>& texts) {
    std::map<std::string, std::string> states;
    for (const std::string& text : texts) {
        size_t equals = text.find('=');
        if (equals == std::string::npos || equals == 0 || equals + 1 == text.size() ||
            text.find('=', equals + 1) != std::string::npos)
            throw UserError("--state {}: expected INPUT=OUTPUT", text);
        if (!states.emplace(text.substr(0, equals), text.substr(equals + 1)).second)
            throw UserError("--state {}: '{}' is given twice", text, text.substr(0, equals));
    }
    return states;
}

}  // namespace smeaton::driver
