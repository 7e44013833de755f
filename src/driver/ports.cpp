#include "driver/ports.h"

#include "base/error.h"
#include "driver/naming.h"
#include "model/onnx/read.h"
#include "model/states.h"
#include "model/unsupported.h"

namespace smeaton::driver {

static PortInfo port(const model::Value& v) {
    return {v.name, v.dtype.value_or(DType::kF32), v.shape.value_or(std::vector<Dim>{})};
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
    return with_states(model::onnx::read_onnx(path), path, options);
}

std::vector<PortInfo> input_ports(const model::Graph& graph) {
    std::vector<PortInfo> out;
    for (size_t k = 0; k < graph.inputs.size(); ++k)
        if (!model::state_of_input(graph, k)) out.push_back(port(graph.at(graph.inputs[k])));
    return out;
}

std::vector<PortInfo> output_ports(const model::Graph& graph) {
    std::vector<PortInfo> out;
    for (size_t k = 0; k < graph.outputs.size(); ++k)
        if (!model::goes_into_state(graph, k)) out.push_back(port(graph.at(graph.outputs[k])));
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
