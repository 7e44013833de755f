// A sort as passes over one line at a time, with the lines that it copies written down.
#pragma once

#include <set>

#include "gir/program.h"
#include "gir/target.h"

namespace smeaton::gir::rewrite {

/// for outer: let keys, payload, and as much again to merge into; move in; sort; move out. So the
/// sort itself sees dense lines, whatever the layout.
Block sort_by_lines(const Block&, const Program&, const Target&, std::set<Name>& taken);

}  // namespace smeaton::gir::rewrite
