// A Hugging Face config.json as a model graph whose weights are known by shape only.
//
//     ConfigModel m = read_config("llama-3-8b/config.json");
//     m.graph   input_ids: i64[batch,sequence] -> logits: f32[batch,sequence,128256]
//     m.facts   parameters 8030261248, 131072 bytes of keys and values a token
//
// The graph is that of the class that `architectures` names, in f32, as PyTorch exports it: batch
// and sequence are open sizes, a head stands on every token, attention is computed in full and
// masked. docs/config.md lists the kinds of models and the keys that are read.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "model/graph.h"
#include "model/hf/facts.h"

namespace smeaton::model::hf {

struct ConfigModel {
    Graph graph;  ///< with open weights; its warnings name keys that nobody knows
    Facts facts;
};

/// Does the file hold a JSON object, by its name (.json) and its first letter?
bool is_config_file(const std::filesystem::path& path);

/// UserError "FILE: ..." on anything that is no config.json, an unknown `model_type` or class, a
/// key that is missing or of the wrong kind, and a key that may change the graph and is not read.
ConfigModel read_config(const std::filesystem::path& path);
/// The same of its text; `label` stands for the file in messages.
ConfigModel read_config_text(const std::string& text, const std::string& label);

/// Values of `model_type` that are read, sorted.
std::vector<std::string> model_types();

}  // namespace smeaton::model::hf
