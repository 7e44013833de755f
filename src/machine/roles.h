// Which level an operand comes to.
#pragma once

#include "machine/machine.h"

namespace smeaton::machine {

bool takes(const Level&, OperandRole);
/// The innermost level behind the registers that takes the role; the outermost where there is none.
const Level& level_taking(const Machine&, OperandRole);

}  // namespace smeaton::machine
