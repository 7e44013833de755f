// Which of a machine's scratchpads a tiled program leaves empty, and why.
#pragma once

#include <string>
#include <vector>

#include "gir/program.h"
#include "gir/target.h"

namespace smeaton::cost {

/// A sentence for each level managed by software, but for registers and the outermost, where no
/// tile lives: what it takes, and what of that the program has not.
std::vector<std::string> unused_levels(const gir::Program& tiled, const gir::Target&);

}  // namespace smeaton::cost
