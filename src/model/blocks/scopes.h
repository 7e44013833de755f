// The scopes in which the file's author wrote the nodes, read from names.
#pragma once

#include <string>
#include <vector>

#include "model/graph.h"

namespace smeaton::model {

/// {"encoder", "layer.3", "attention"}; empty when names tell nothing.
using Scope = std::vector<std::string>;

/// By node: from its own name ("/encoder/layer.3/attention/MatMul"), else from the name of a
/// constant that it reads ("encoder.layer.3.attention.weight").
std::vector<Scope> node_scopes(const Graph&);

/// Components that both start with.
size_t common_depth(const Scope&, const Scope&);

/// The unit that a person would name: up to the first numbered component ("layer.3", "h_3"), or
/// the first component.
Scope unit_of(const Scope&);

/// The longest prefix that more than two thirds of the scopes that are not empty share.
Scope shared_scope(const std::vector<const Scope*>&);

/// "encoder/layer.3"; a component that the next one repeats ("layer1", "layer1.0") is left out.
std::string scope_text(const Scope&);

}  // namespace smeaton::model
