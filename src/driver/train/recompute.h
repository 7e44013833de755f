// Which steps of a compiled training step run a second time instead of keeping what they make.
#pragma once

#include <cstddef>
#include <string>

#include "gir/program.h"
#include "model/grad/recompute.h"

namespace smeaton::driver {

/// How many steps of the program make its output `loss`: those up to the last that writes it.
size_t forward_steps(const gir::Program&, const std::string& loss);

/// The spelled program with the steps of its forward half that `how` names run again before the
/// backward half needs them (gir/rewrite/again.h). Steps are known by the nodes that they come
/// from, and with them stand nodes of the backward half that were merged into them: those are of
/// the same blocks or later ones, and contract nothing.
gir::Program recomputing(const gir::Program&, const model::ForwardHalf&, model::Recompute how,
                         const std::string& loss);

}  // namespace smeaton::driver
