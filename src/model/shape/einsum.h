// The equation of Einsum, taken apart.
#pragma once

#include "model/shape/view.h"

namespace smeaton::model {

/// Labels are numbered; dims under an ellipsis get labels of their own. A label that occurs twice
/// in one operand takes its diagonal; one that is missing in the output is summed over.
struct EinsumEquation {
    std::vector<std::vector<int>> inputs;  ///< label of each dim of each operand
    std::vector<int> output;               ///< label of each output dim
    std::vector<Dim> sizes;                ///< by label; an operand dim of size 1 broadcasts to it
};

/// UserError on a malformed equation or operands that disagree.
EinsumEquation einsum_equation(const NodeView&);

}  // namespace smeaton::model
