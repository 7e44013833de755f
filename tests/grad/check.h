// One case: derived gradients against central differences.
#pragma once

#include <set>
#include <string>

#include "cases.h"
#include "model/grad/differentiate.h"

namespace smeaton::grad_test {

/// The case's graph with float inputs as initializers and one more output, "L": the sum of all
/// float outputs under random weights (which are called "weights_of...").
model::Graph graph_of(const Case&, uint64_t seed);

/// Nothing where they agree; else which parameter and by how much.
std::string disagreement(const Case&, uint64_t seed);

/// Operators of the case's graph.
std::set<model::OpType> operators_of(const Case&);

}  // namespace smeaton::grad_test
