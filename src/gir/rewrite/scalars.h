// Cheaper scalar operations with the same result within the list's error bounds.
//     pow(x, 1) -> x     pow(x, 2) -> x * x     pow(x, -1) -> 1 / x     x / 8 -> x * 0.125
#pragma once

#include "gir/program.h"
#include "gir/rewrite/rules.h"

namespace smeaton::gir::rewrite {

/// f32 only; rule "simplify-scalars".
Program simplify_scalars(Program, const Rules&);

}  // namespace smeaton::gir::rewrite
