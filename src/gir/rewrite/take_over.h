// Moves that disappear: a kernel that only permutes or slices is composed into its readers' maps,
// or into its writers' maps.
#pragma once

#include "gir/program.h"
#include "gir/rewrite/rules.h"

namespace smeaton::gir::rewrite {

/// move t[i, j] <- x[j, i];  ... t[a, b] ...   ->   ... x[b, a] ...
/// So do several moves that fill t from one buffer, in which its parts lie as they lie in t.
Program take_over_by_readers(Program, const Rules&);

/// ... -> t[c];  move y[c + 32] <- t[c]        ->   ... -> y[c + 32]      (transpose, concat)
/// Every writer and reader of t goes to y; t was a temp.
Program take_over_by_writers(Program, const Rules&);

}  // namespace smeaton::gir::rewrite
