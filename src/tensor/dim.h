// Dim: a non-negative integer size, known or an expression over named parameters.
//
// An expression is a polynomial with integer coefficients whose factors are parameters or
// floor-divisions floor(poly / c). Canonical: equal expressions compare equal. Prints as
// "128", "N", "2*N*S + 3", "floor((N + 15)/16)"; parse_dim reads it back.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/name.h"

namespace smeaton::tensor {

using Bindings = std::map<Name, int64_t>;

class Dim {
public:
    struct Poly;  // dim.cpp

    Dim() = default;
    Dim(int64_t value) : constant_(value) {}
    static Dim symbol(Name parameter);

    bool is_const() const { return poly_ == nullptr; }
    /// The value; InternalError where the Dim is symbolic.
    int64_t value() const;
    std::optional<int64_t> if_const() const;
    bool is(int64_t value) const { return is_const() && constant_ == value; }

    /// Parameters that occur, sorted.
    std::vector<Name> symbols() const;
    /// Replaces bound parameters by their values; the result is const when all are bound.
    Dim bind(const Bindings&) const;

    Dim& operator+=(const Dim&);
    Dim& operator-=(const Dim&);
    Dim& operator*=(const Dim&);
    friend Dim operator+(Dim a, const Dim& b) { return a += b; }
    friend Dim operator-(Dim a, const Dim& b) { return a -= b; }
    friend Dim operator*(Dim a, const Dim& b) { return a *= b; }
    friend bool operator==(const Dim& a, const Dim& b);
    friend bool operator!=(const Dim& a, const Dim& b) { return !(a == b); }
    /// An arbitrary total order, stable from run to run.
    friend bool operator<(const Dim& a, const Dim& b);

    std::string str() const;

private:
    friend Dim floor_div(const Dim&, int64_t);
    int64_t constant_ = 0;  // when poly_ is null
    std::shared_ptr<const Poly> poly_;
};

Dim floor_div(const Dim&, int64_t divisor);
Dim ceil_div(const Dim&, int64_t divisor);
/// a / b where b is known to divide a (exactly, as polynomials); nothing otherwise.
std::optional<Dim> exact_div(const Dim& a, const Dim& b);
/// UserError on malformed text.
Dim parse_dim(std::string_view text);
Dim product(const std::vector<Dim>&);

}  // namespace smeaton::tensor
