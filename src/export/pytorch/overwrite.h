// Which activations may write over what they are given.
#pragma once

#include <vector>

#include "export/pytorch/statement.h"

namespace smeaton::pytorch {

/// Sets Module::overwrites. `blocks`: all statements that are left, by number.
void mark_overwriting(const model::Graph&, const std::vector<std::vector<int>>& blocks,
                      std::vector<Statement>&);

}  // namespace smeaton::pytorch
