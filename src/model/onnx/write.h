// A model graph as an ONNX file.
#pragma once

#include <map>
#include <string>

#include "model/graph.h"

namespace smeaton::model::onnx {

/// The bytes of a file that holds the graph. It imports the oldest ai.onnx in which all nodes can
/// stand, 18 or newer; nodes of older versions are raised to it (raise.h). `defaults`: graph inputs
/// that get a value in the file, which is taken where none is fed. Notes (model/notes.h) are left
/// out. UserError on subgraphs, texts, operators that are not ai.onnx, and on 2 GB or more.
std::string write_model(const Graph&, const std::map<std::string, Tensor>& defaults = {});

}  // namespace smeaton::model::onnx
