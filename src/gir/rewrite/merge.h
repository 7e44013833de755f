// Merging the kernel that writes a temp with one that reads it: loops whose axes agree become one,
// the value stays in a tile on its way, and the temp is written only while somebody else still
// reads it.
//     parallel i { t <- ...; y[i] <- t }   and   parallel j { u <- relu y[j]; z[j] <- u }
//  -> parallel i { t <- ...; u <- relu t; z[i] <- u }
// Axes that do not agree stay as inner loops of their own kernel: a row reduction followed by an
// elementwise kernel over the rows becomes one kernel over rows.
#pragma once

#include "gir/program.h"
#include "gir/rewrite/rules.h"

namespace smeaton::gir::rewrite {

/// Merges to a fixpoint: pairs whose axes all agree first, then pairs that share outer axes.
Program merge_loops(Program, const Rules&);

}  // namespace smeaton::gir::rewrite
