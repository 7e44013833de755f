// Questions about names that many readers of a program ask.
#pragma once

#include "gir/program.h"

namespace smeaton::gir {

/// The buffer whose bytes this one shows: itself, or the end of its chain of aliases. A name that
/// is no buffer is its own root. InternalError where aliases run in a circle.
Name root_of(const Program&, Name buffer);

/// The variable decides which element the slice names: a coordinate, or an index inside one, uses
/// it.
bool walks(const Slice&, Name var);
/// As above, or a bound of the slice, or of an index inside it, uses the variable.
bool uses(const Slice&, Name var);

}  // namespace smeaton::gir
