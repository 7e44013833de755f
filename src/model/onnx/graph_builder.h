// From the format's graphs, with names and model-local functions, to model::Graph, with ids.
#pragma once

#include <cstdint>

#include "model/graph.h"
#include "model/onnx/schema.pb.h"
#include "model/onnx/tensor_data.h"

namespace smeaton::model::onnx {

/// The model's main graph: functions inlined, subgraphs closed (see model::Graph), nodes in
/// topological order, operators resolved by domain and version, unsupported ones kept with their
/// reason. UserError naming the node, value or function at fault.
Graph build_graph(const onnx_format::Model&, Source&);

}  // namespace smeaton::model::onnx
