// How an operator of a model is priced on a device of a data sheet (cost/efficiency.h).
#pragma once

#include "cost/efficiency.h"
#include "model/graph.h"

namespace smeaton::driver {

cost::OperatorWork::Kind operator_kind(const model::Node&);
/// Rows of a product that share its weight: what it makes over its columns; 1 of others.
double operator_rows(const model::Graph&, const model::Node&);

}  // namespace smeaton::driver
