// The closed list of scalar functions. One row each: what an interpreter, an emitter and a cost
// model need to know is keyed by this enum; a new model operator is composed of rows, not added
// here.
//
// Semantics not evident from the name:
//   max, min        propagate NaN (also in reduce); -0 and +0 compare equal
//   round           half to even
//   cast            dtype of the destination; float to int truncates towards zero (out of range:
//                   scalar/evaluate.h); int to int wraps; anything to bool is "!= 0"
//   idiv, imod      integers only: floor division is fdiv/fmod_int; idiv truncates (ONNX Div, C),
//                   imod has the sign of the divisor (ONNX Mod fmod=0); division by 0 is a checked
//                   error
//   fmod            C fmod (sign of the dividend), floats and integers
//   pow             IEEE pow; integers by repeated multiplication, wrapping, negative exponent 0 or
//   +-1 comparison      destination bool; NaN compares unordered (eq false) and, or, xor, not bool
// op_class: how the ledger counts one application. error_ulp: bound for f32 of emitted code against
// the correctly rounded result (0 = exact).
#pragma once

#include <optional>
#include <string_view>

namespace smeaton::gir {

enum class LedgerClass { Move, Add, Mul, Div, Compare, Logic, Special, Fma };

//    name      arity  class     error_ulp
#define SMEATON_SCALARS(X)    \
    X(copy, 1, Move, 0)       \
    X(cast, 1, Move, 0)       \
    X(neg, 1, Add, 0)         \
    X(abs, 1, Logic, 0)       \
    X(sign, 1, Compare, 0)    \
    X(relu, 1, Compare, 0)    \
    X(floor, 1, Add, 0)       \
    X(ceil, 1, Add, 0)        \
    X(round, 1, Add, 0)       \
    X(trunc, 1, Add, 0)       \
    X(sqrt, 1, Div, 0)        \
    X(reciprocal, 1, Div, 0)  \
    X(exp, 1, Special, 2)     \
    X(log, 1, Special, 2)     \
    X(log1p, 1, Special, 4)   \
    X(erf, 1, Special, 4)     \
    X(tanh, 1, Special, 4)    \
    X(sigmoid, 1, Special, 4) \
    X(sin, 1, Special, 4)     \
    X(cos, 1, Special, 4)     \
    X(isnan, 1, Compare, 0)   \
    X(isinf, 1, Compare, 0)   \
    X(not_, 1, Logic, 0)      \
    X(add, 2, Add, 0)         \
    X(sub, 2, Add, 0)         \
    X(mul, 2, Mul, 0)         \
    X(div, 2, Div, 0)         \
    X(idiv, 2, Div, 0)        \
    X(imod, 2, Div, 0)        \
    X(fmod, 2, Special, 0)    \
    X(pow, 2, Special, 8)     \
    X(max, 2, Compare, 0)     \
    X(min, 2, Compare, 0)     \
    X(eq, 2, Compare, 0)      \
    X(ne, 2, Compare, 0)      \
    X(lt, 2, Compare, 0)      \
    X(le, 2, Compare, 0)      \
    X(gt, 2, Compare, 0)      \
    X(ge, 2, Compare, 0)      \
    X(and_, 2, Logic, 0)      \
    X(or_, 2, Logic, 0)       \
    X(xor_, 2, Logic, 0)

enum class ScalarFn {
#define X(name, arity, cls, ulp) name,
    SMEATON_SCALARS(X)
#undef X
};

std::string_view name(ScalarFn);  ///< text form, without the trailing underscore
std::optional<ScalarFn> scalar_named(std::string_view);
int arity(ScalarFn);
LedgerClass op_class(ScalarFn);
int error_ulp(ScalarFn);
std::string_view name(LedgerClass);  ///< "add", "fma", ...
/// May the function combine in a reduce or scatter? add, mul, max, min, and, or.
bool is_reducer(ScalarFn);
/// Comparisons, isnan, isinf and logic produce bool.
bool gives_bool(ScalarFn);

}  // namespace smeaton::gir
