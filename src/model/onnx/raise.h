// Nodes of older operator versions, as a newer operator set spells them.
//
//     ReduceMean(x) {axes: [2,3]} since 13   =>   ReduceMean(x, axes) since 18, axes = i64[2](2,3)
#pragma once

#include "model/graph.h"

namespace smeaton::model::onnx {

/// The graph with every node at the version that is in force in ai.onnx `opset`. Shapes must be
/// known. UserError naming a node whose older meaning has no spelling there.
Graph raise_operators(Graph, int opset);

}  // namespace smeaton::model::onnx
