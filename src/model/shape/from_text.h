// For tests of shape rules: short texts in, shapes out.
#pragma once

#include <string>

#include "model/graph.h"

namespace smeaton::model::test {

/// "input x: f32[N]; const k: i64[1](2)" and "y = TopK(x, k) since 11; output y" as a graph. Nodes
/// get the names N0, N1, ... where the text gives none.
Graph graph_of(const std::string& declarations, const std::string& nodes);

/// The outputs' dtypes and shapes ("f32[N,2] i64[N,2]") of one node's expression, such as
/// "TopK(x, k) {axis: 0} since 11", that makes `outputs` values. Or the message of the UserError.
std::string inferred(const std::string& declarations, const std::string& expression,
                     int outputs = 1);

/// The same for several nodes "a = Shape(x) since 13; y = Reshape(z, a) since 13"; tells the last
/// node's first output.
std::string chain(const std::string& declarations, const std::string& nodes);

}  // namespace smeaton::model::test
