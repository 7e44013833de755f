// How many points of a box satisfy affine bounds: closed, with symbolic extents where the bounds
// allow.
#pragma once

#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "tensor/dim.h"

namespace smeaton::gir {

using tensor::Dim;

/// sum of coefficient * variable; variables are indices into a list of extents.
using LinearTerms = std::vector<std::pair<int, int64_t>>;

/// lo <= terms < hi; a missing end is unbounded. Constants and parameters are part of the ends.
struct BoxBound {
    LinearTerms terms;
    std::optional<Dim> lo, hi;
};

/// Points of the box of `variables` (0 <= v < extents[v]) that satisfy all bounds. Exact for const
/// extents. Symbolic: variables free of bounds multiply; one bound over variables that form a mixed
/// radix (i*64 + v) clips it, counting on sizes being large enough that no part is negative.
/// UserError when a symbolic size stands where only a number would do.
Dim count_points(const std::vector<Dim>& extents, std::vector<int> variables,
                 std::vector<BoxBound> bounds);

/// The same, by cases: all values of `enumerated` (const extents) are gone through; points where
/// `classify` gives a negative class are left out, the others summed per class (0 <= class <
/// classes).
std::vector<Dim> count_points_by_class(
    const std::vector<Dim>& extents, std::vector<int> variables,
    const std::vector<BoxBound>& bounds, const std::vector<int>& enumerated, int classes,
    const std::function<int(const std::vector<int64_t>& values)>& classify);

/// What the terms become when the variable has this value.
BoxBound with_value(BoxBound, int variable, int64_t value);

}  // namespace smeaton::gir
