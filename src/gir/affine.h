// Affine integer forms over axes, tile dims and parameters: sum(coefficient * variable) + constant.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/flat_map.h"
#include "base/name.h"
#include "base/small_vector.h"
#include "tensor/dim.h"

namespace smeaton::gir {

using tensor::Bindings;
using tensor::Dim;

struct Term {
    Name var;
    int64_t coefficient = 0;
    friend bool operator==(const Term&, const Term&) = default;
};

/// Canonical: terms sorted by variable text, no zero coefficient, no variable twice.
struct Affine {
    SmallVector<Term, 3> terms;
    int64_t constant = 0;

    Affine() = default;
    Affine(int64_t value) : constant(value) {}
    Affine(Name var, int64_t coefficient = 1) {
        if (coefficient != 0) terms.push_back({var, coefficient});
    }

    bool is_const() const { return terms.empty(); }
    int64_t coefficient(Name var) const;
    bool uses(Name var) const { return coefficient(var) != 0; }
    /// The variable when the form is exactly 1*variable + 0.
    std::optional<Name> single_var() const;

    Affine& operator+=(const Affine&);
    Affine& operator-=(const Affine&);
    Affine& operator*=(int64_t);
    friend Affine operator+(Affine a, const Affine& b) { return a += b; }
    friend Affine operator-(Affine a, const Affine& b) { return a -= b; }
    friend Affine operator*(Affine a, int64_t k) { return a *= k; }
    friend bool operator==(const Affine&, const Affine&) = default;

    std::string str() const;  ///< "oh*2 + r - 3"
};

/// Simultaneous substitution of variables by affine forms.
using Substitution = FlatMap<Name, Affine>;
Affine substitute(const Affine&, const Substitution&);

/// Values that a variable takes: 0 <= v < extent.
using Extents = FlatMap<Name, int64_t>;

/// Towards minus infinity; b > 0.
inline int64_t floor_div(int64_t a, int64_t b) {
    return a >= 0 ? a / b : -((-a + b - 1) / b);
}

struct ValueRange {
    int64_t lo = 0, hi = 0;  ///< inclusive; hi < lo when some extent is 0
};
/// Least and greatest value over the box of `extents`. InternalError on an unknown variable.
ValueRange value_range(const Affine&, const Extents&);
int64_t evaluate(const Affine&, const std::map<Name, int64_t>& values);

}  // namespace smeaton::gir
