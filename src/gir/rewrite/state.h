// States that take their next value where it is computed.
#pragma once

#include "gir/program.h"
#include "gir/rewrite/rules.h"

namespace smeaton::gir::rewrite {

/// Where a temp is computed only to be copied into a state at the end, and nobody needs the old
/// value once its first element is written, the state itself is written: a kernel may read the old
/// value of the very element that it writes next. A failed check must leave the state as it was, so
/// no check may come later; those of the kernel itself are made before it writes.
///     run step(n -> n_next); run copy_n(n_next -> n)   ->   run step(n -> n)
/// To be run behind the rules that move kernels, which know no kernel that changes what it reads.
Program state_in_place(Program, const Rules&);

}  // namespace smeaton::gir::rewrite
