// Structural verification of model graphs; the pass runner calls it after every pass.
#pragma once

#include <string_view>

#include "model/graph.h"

namespace smeaton::model {

/// Checks, in subgraphs too:
///   - ids lie in range and outputs of the graph are given;
///   - every value that is used is defined exactly once, as a graph input, a constant, or one
///   output
///     of one node, and nodes come after the nodes whose values they read;
///   - nodes and used values have unique, non-empty names;
///   - a constant agrees with the dtype and shape of its value; no known size is negative;
///   - subgraphs are closed and take their node's captured values as their last inputs.
/// InternalError naming `pass`, the node or value, and the rule that is broken.
void verify(const Graph&, std::string_view pass);

/// As above; besides, every used value of the graph itself has a dtype and a shape.
void verify(const ShapedGraph&, std::string_view pass);

}  // namespace smeaton::model
