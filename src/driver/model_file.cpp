#include "driver/model_file.h"

#include <set>

#include "base/error.h"
#include "driver/entry.h"
#include "model/hf/read.h"
#include "model/onnx/read.h"

namespace smeaton::driver {

ModelFile read_model_file(const std::string& path) {
    refuse_program(path);
    if (!model::hf::is_config_file(path)) return {model::onnx::read_onnx(path), {}};
    model::hf::ConfigModel config = model::hf::read_config(path);
    return {std::move(config.graph), std::move(config.facts)};
}

model::Graph read_graph(const std::string& path) {
    return read_model_file(path).graph;
}

std::map<std::string, int64_t> with_tokens(const model::Graph& graph, int64_t batch, int64_t prompt,
                                           std::map<std::string, int64_t> dims,
                                           std::vector<std::string>& warnings) {
    std::set<std::string> open;
    for (const model::ValueId id : graph.inputs)
        for (const model::Dim& dim : graph.at(id).shape.value_or(std::vector<model::Dim>()))
            for (const Name symbol : dim.symbols()) open.insert(symbol.str());
    const auto bind = [&](const std::string& name, int64_t value) {
        if (value == 0 || open.count(name) == 0) return false;
        dims.emplace(name, value);
        return true;
    };
    bind("batch", batch);
    const bool encoder = bind("sequence", prompt), decoder = bind("decoder_sequence", prompt);
    if (prompt > 0 && !encoder && !decoder)
        warnings.push_back(fmt::format(
            "--prompt {} changes nothing: no input of the model has a number of tokens", prompt));
    return dims;
}

}  // namespace smeaton::driver
