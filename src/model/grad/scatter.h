// Gathers and scatters as expressions, and sums over what a table of positions reads.
#pragma once

#include <string>
#include <vector>

#include "model/grad/composer.h"

namespace smeaton::model {

/// ScatterElements, GatherElements, ScatterND, GatherND; `reduction`: none, add, mul, max, min. For
/// indices that the forward half has made or checked: noted as in range (model/notes.h).
Expr scatter_elements(Expr data, Expr indices, Expr updates, int64_t axis,
                      const std::string& reduction);
Expr gather_elements(Expr data, Expr indices, int64_t axis);
Expr scatter_nd(Expr data, Expr indices, Expr updates, const std::string& reduction);
Expr gather_nd(Expr data, Expr indices);

/// i64, with positions counted from the end of an axis of `extent` counted from the front.
Expr from_front(Expr indices, int64_t extent);

/// The gradient of x for y = Gather(x, indices, axis): y's summed over equal indices. `known` holds
/// the indices' values, or is null.
Expr gather_adjoint(Expr gradient, Expr indices, const Tensor* known, int64_t axis,
                    const Sizes& shape);

/// One axis of a linear map: result i is the sum over t of weight[i * taps + t] times element
/// position[i * taps + t].
struct TapTable {
    int64_t taps = 1;
    std::vector<int64_t> position;
    std::vector<double> weight;
};

/// The gradient of x for y = table applied along `axis` of x, which has `extent` elements there: a
/// sum over the results that read each element, as a gather and a contraction.
Expr taps_adjoint(Expr gradient, const TapTable& table, int64_t axis, int64_t extent);

}  // namespace smeaton::model
