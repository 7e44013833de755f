// The scalar functions on rows of values: what they mean, for the interpreter and for folding
// constants.
//
// Floats of every storage format are computed as double and rounded once when stored; integers and
// bool as int64, wrapped when stored. u64 travels as its bit pattern; `as_unsigned` says so to the
// functions that depend on the sign (division, comparison, max, min, abs, conversions).
#pragma once

#include <cstdint>

#include "gir/scalar_list.h"
#include "tensor/dtype.h"

namespace smeaton::gir {

using tensor::DType;

/// y[i] = fn(x[i]), neg to cos. InternalError for a function without a float form.
void apply_unary(ScalarFn, const double* x, double* y, int64_t n);
/// neg, abs, sign, relu, copy, not.
void apply_unary(ScalarFn, const int64_t* x, int64_t* y, int64_t n, bool as_unsigned);
/// isnan, isinf: 0 or 1.
void apply_test(ScalarFn, const double* x, int64_t* y, int64_t n);

void apply_binary(ScalarFn, const double* a, const double* b, double* y, int64_t n);
/// Arithmetic, comparisons and logic. UserError "integer division by zero".
void apply_binary(ScalarFn, const int64_t* a, const int64_t* b, int64_t* y, int64_t n,
                  bool as_unsigned);
/// eq to ge on floats: 0 or 1.
void apply_compare(ScalarFn, const double* a, const double* b, int64_t* y, int64_t n);

/// Float to integer of `to`, towards zero; to bool: != 0. ONNX leaves open what a number out of
/// range becomes; here, as the conversions of x86 and so of other runtimes on it: types of up to 16
/// bits wrap the i32, u32 and u64 the i64 (u64 takes its upper half too), and an i32 or i64 that
/// cannot hold the number, or NaN, is its lowest.
int64_t cast_to_int(double, DType to);
/// A literal taken as the integer type `to`: as above in range, else its nearest end; NaN gives 0.
int64_t literal_to_int(double, DType to);
/// Integer (or u64 pattern) to the value nearest in `to`, in one rounding.
double cast_to_float(int64_t, bool from_unsigned, DType to);
/// The value wrapped to the integer type `to` (sign or zero extended); bool: != 0.
int64_t wrap_int(int64_t, DType to);
/// The double nearest to v that `to` can hold (nearest even).
double round_to(double v, DType to);

/// Neutral element of a reducer in dtype: 0, 1, -inf or lowest, inf or highest, true, false.
double reduce_identity(ScalarFn, DType);
int64_t reduce_identity_int(ScalarFn, DType);
double lowest_of(DType);
int64_t lowest_int(DType);
int64_t highest_int(DType);

}  // namespace smeaton::gir
