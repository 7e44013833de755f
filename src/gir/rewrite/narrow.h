// Operands of products in a narrower element type, by moves that stand in the program:
//     mma acc[] += x[i,k] * w[j,k]        with x, w, acc in f32
//  -> unary cast x_bf16[i,k] <- x[i,k]    (a kernel of its own before the first reader; of a weight
//     once, at load)
//     mma acc[] += x_bf16[i,k] * w_bf16[j,k]
// Sums keep their dtype. Products of integers are summed in i32, whose values then join the sum.
// Values are rounded as they are: scales, which a quantised model has, are not made up.
#pragma once

#include "gir/program.h"

namespace smeaton::gir::rewrite {

/// Before: a lowered program, no machine in it. After: no mma reads floats of more bits than `to`
/// has; operands that are no floats are as they were. A buffer that several products read is
/// narrowed once for each time that it is written.
Program narrow_products(Program, DType to);

}  // namespace smeaton::gir::rewrite
