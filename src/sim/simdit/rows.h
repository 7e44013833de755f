// Layers of a table as operations of the forward pass; shared by inference and training.
#pragma once

#include "sim/simdit/operation.h"

namespace smeaton::sim::simdit {

/// The operation of a layer. BatchNormalization becomes kBatchNorm. UserError as operation.h says.
Operation forward_operation(const Layer&);

/// Throws UserError: "node 'NAME' (OP): SimDIT does not define <what>".
[[noreturn]] void refuse(const Layer&, const std::string& what);

}  // namespace smeaton::sim::simdit
