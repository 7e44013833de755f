// Axes of reductions, TopK, CumSum.
#pragma once

#include "model/shape/view.h"

namespace smeaton::model {

struct Reduction {
    std::vector<int64_t> axes;  ///< ascending; empty: nothing is reduced, each element stands alone
    bool keep_dims = true;
};

/// Reduce*: axes from the attribute or the operand (13 for ReduceSum, 18 for the others); ArgMax:
/// its one axis.
Reduction reduction_of(const NodeView&);

struct TopKChoice {
    int64_t axis = 0;
    Dim k;
    bool largest = true;
    bool sorted = true;
};
TopKChoice top_k_of(const NodeView&);

struct CumSumChoice {
    int64_t axis = 0;
    bool exclusive = false;
    bool reverse = false;
};
CumSumChoice cum_sum_of(const NodeView&);

}  // namespace smeaton::model
