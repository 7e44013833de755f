// A kernel's bytes at the outermost level by what they are to a layer.
#pragma once

#include <set>

#include "cost/kernel_cost.h"
#include "gir/program.h"

namespace smeaton::sim {

/// Bytes of the outermost level, split as the ledger has them by buffer: weights, states and what
/// is made of them at load are filter, of one dim bias; what else is read is ifmap, what is written
/// ofmap; a buffer that a kernel both reads and writes is psum. `made_at_load`: roots.
cost::OperandBytes operand_bytes(const cost::KernelModel&, const cost::KernelCost&,
                                 const gir::Program&, const std::set<Name>& made_at_load);

}  // namespace smeaton::sim
