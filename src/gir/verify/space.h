// Where affine forms go: a box of variables with linear facts about them, and three-valued answers.
// Internal to the verifier.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "gir/affine.h"

namespace smeaton::gir::verifying {

constexpr int64_t kUnbounded = int64_t{1} << 60;

/// lo <= expr <= hi holds wherever the access happens.
struct Fact {
    Affine expr;
    int64_t lo = -kUnbounded;
    int64_t hi = kUnbounded;
};

struct Variable {
    Name name;
    int64_t extent = 0;  ///< 0 <= name < extent
};

/// Points of the box that satisfy all facts.
struct Space {
    std::vector<Variable> variables;
    std::vector<Fact> facts;

    const Variable* find(Name) const;
    /// The box has no point. (The facts may leave none even where this is false.)
    bool empty() const;
};

/// Least and greatest value of a form: exact without facts on its variables, an over-estimate with.
ValueRange range(const Affine&, const Space&);

enum class Verdict { Proven, Refuted, Unknown };

/// Does the form stay in [lo, hi] at every point of the space? Refuted: a point was found where it
/// does not. The work is bounded; Unknown is possible only where facts bear on the form.
Verdict stays_within(const Affine&, int64_t lo, int64_t hi, const Space&);

/// Visits the points of the space that satisfy the facts, among the first `limit` points of the
/// box; false when there are more, or when `visit` said stop by returning false. `values` is
/// parallel to `variables`.
bool for_each_point(const Space&, int64_t limit,
                    const std::function<bool(const std::vector<int64_t>& values)>& visit);

/// A point was found that satisfies all facts.
bool has_point(const Space&);

/// The form at a point of the space.
int64_t value_at(const Affine&, const Space&, const std::vector<int64_t>& values);

/// Only the variables that matter for the forms: those in them, and those that facts tie to these.
/// What is left out is independent of it.
Space restricted(const Space&, const std::vector<Affine>& forms);

}  // namespace smeaton::gir::verifying
