#pragma once

#include "model/graph.h"

namespace smeaton::model::onnx {

/// Puts the nodes into topological order; those in order already keep it. UserError naming the
/// nodes of a cycle.
void sort_nodes(Graph&);

}  // namespace smeaton::model::onnx
