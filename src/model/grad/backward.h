// The backward half of a graph: gradients of a loss, node by node in reverse.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "model/grad/composer.h"

namespace smeaton::model {

/// Appends nodes that compute d loss / d source for every source, in their order; zeros where the
/// loss does not move. `zeros_inserted`: GradientOptions (differentiate.h). UserError listing every
/// node on the way whose operator has no gradient.
std::vector<ValueId> append_backward(Composer&, const std::vector<ValueId>& sources, ValueId loss,
                                     const std::set<std::string>& on_batch_statistics,
                                     bool zeros_inserted = false);

}  // namespace smeaton::model
