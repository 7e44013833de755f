// The verifier's rules that need no numbers, one function each (number_rules.h has the others).
// Internal; verify.cpp calls them in this order.
#pragma once

#include <set>
#include <vector>

#include "gir/program.h"
#include "gir/verify/faults.h"
#include "gir/verify/verify.h"

namespace smeaton::gir::verifying {

/// Buffers, layouts, aliases, parameters and steps.
void check_program(const Program&, Faults&);
/// Names are declared before use and hide nothing, ranks agree, ops have the form of their kind.
void check_structure(const Program&, const Kernel&, Faults&);
/// The dtype rules of ops and scalar functions.
void check_kinds(const Program&, const Kernel&, Faults&);

/// Spellings, where ops have them.
void check_spelling(const Kernel&, Faults&);

/// Buffers that hold something before a kernel runs.
using Written = std::set<Name>;

/// The buffer whose bytes this one shows: itself, or the end of its alias chain.
Name root_of(const Program&, Name buffer);
/// Buffers that hold something before each kernel step, in the order of kernels(program). Adds
/// faults for buffers read before any step has written them.
std::vector<Written> written_before(const Program&, Faults&);

}  // namespace smeaton::gir::verifying
