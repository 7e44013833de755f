// Graphs whose weights are known by shape only (Graph::open_weights): exactly the constants without
// data (tensor/open.h) are parameters, and constants with data are none.
#pragma once

#include <string>

#include "model/graph.h"

namespace smeaton::model {

/// Whether a constant may be a weight: with open weights, whether it is one; else a float, or of 8
/// bits or less. Other integers, booleans and strings are indices, sizes, masks.
bool may_be_weight(const Graph&, const Tensor& constant);

/// UserError "LABEL: ..." for a graph with open weights, of those who compute with them; `purpose`
/// needs them: "running".
void require_weights(const Graph&, const std::string& label, const std::string& purpose);

}  // namespace smeaton::model
