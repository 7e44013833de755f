// Model files of all kinds by one road: ONNX, and the config.json of Hugging Face, which gives a
// graph whose weights are known by shape only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/graph.h"
#include "model/hf/facts.h"

namespace smeaton::driver {

struct ModelFile {
    model::Graph graph;
    std::optional<model::hf::Facts> facts;  ///< of a config.json
};

/// By what the file is called: .json is a config. UserError naming the file.
ModelFile read_model_file(const std::string& path);
model::Graph read_graph(const std::string& path);

/// Sizes of a graph that came from a config: `batch` sequences of `prompt` tokens each, for encoder
/// and decoder alike; 0: stays open. `dims` win. `warnings` gains a sentence where a number has no
/// size to go to.
std::map<std::string, int64_t> with_tokens(const model::Graph&, int64_t batch, int64_t prompt,
                                           std::map<std::string, int64_t> dims,
                                           std::vector<std::string>& warnings);

}  // namespace smeaton::driver
