// Numbers in place of parameters.
#pragma once

#include "gir/program.h"

namespace smeaton::gir {

/// The program with a number for each parameter that `bindings` names or that has one in the text
/// (`param N = 4`; `bindings` win), in extents, bounds and affine forms; these parameters are gone.
/// Those without a number stay, with their uses.
///
///     param N                                      buffer x: memory f32[n: 4] input
///     buffer x: memory f32[n: N] input      N = 4  …
///     … binary mul y[n] <- x[n], 0.5 over n: N     … binary mul y[n] <- x[n], 0.5 over n: 4
Program bind(Program, const Bindings&);

}  // namespace smeaton::gir
