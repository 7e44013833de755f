// Reading and writing the elements of an access at a point, and applying scalar functions, as text.
#pragma once

#include <string>
#include <vector>

#include "emit/cpp/access.h"
#include "gir/scalar_list.h"

namespace smeaton::emit {

/// An expression: one element, or a vector of f.lanes() elements of which point.count matter.
struct Value {
    std::string text;
    DType dtype = DType::kF32;
    bool vector = false;
    std::optional<Literal> known;  ///< the value where it is a literal
};

Value literal_value(DType, const Literal&);
/// The element at a scalar point.
std::string read_scalar(Function& f, const Access&, const Point&);
/// A vector where the access varies along the point's lanes, else a scalar.
Value read(Function& f, const Access&, const Point&);
Value read(Function& f, const std::optional<Access>&, const Literal&, DType literal_dtype,
           const Point&);
/// Stores the value into the lanes of the point; a scalar value fills them.
void write(Function& f, const Access&, const Point&, const Value&);

/// The variable that holds exactly the lanes of this point (or its one scalar), unconditionally;
/// empty: there is none.
std::string register_variable(Function& f, const Access&, const Point&);

/// The value as a vector (a scalar in all lanes).
std::string as_vector(const Value&);
/// The value in a variable of its own, unless it is one already.
Value named(Function& f, const Value&, const std::string& stem);

/// fn(arguments) of dtype `result`; a vector when any argument is one.
/// UserError where the function is not defined for the dtype.
Value apply(gir::ScalarFn fn, DType result, const std::vector<Value>& arguments);
/// Ternary: lane by lane `condition ? a : b`; condition is bool.
Value select(const Value& condition, const Value& a, const Value& b);
/// first + lane * step for each lane, as `dtype`.
Value iota(Function& f, DType, const Linear& first, int64_t step, bool vector);

/// The neutral element of a reducer.
Literal identity(gir::ScalarFn fn, DType);
/// Lanes at and after `count` replaced by `other`.
std::string keep_lanes(const Value&, int count, const Literal& other);
/// All lanes combined into one scalar.
Value across_lanes(gir::ScalarFn fn, const Value&);

}  // namespace smeaton::emit
