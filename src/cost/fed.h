// Whether a machine's arrays are fed from the scratchpads that are there for their operands.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "cost/reuse.h"
#include "cost/shapes.h"
#include "machine/machine.h"

namespace smeaton::cost {

/// An operand that an array reads, or sums that it adds to, in the outermost level though a
/// scratchpad of fewer roles takes them.
struct Unfed {
    Name unit;
    machine::OperandRole role = machine::OperandRole::A;
    std::string scratchpad;
    double bytes = 0;  ///< of the box that one execution works on
};

/// Of a tiled kernel, all sizes of which are bound. Nothing in it depends on a capacity.
std::vector<Unfed> unfed_operands(const Nest&, const machine::Machine&,
                                  const std::vector<ShapeRow>&, const std::set<Name>& scratchpads);

/// UserError, naming the key of the machine's description, where such an operand is larger than
/// what a tile has of the scratchpad. Smaller ones are those that cannot be copied: a window that
/// reaches outside a buffer without a border.
void require_fed(const std::string& kernel, const std::vector<Unfed>&, const machine::Machine&);

}  // namespace smeaton::cost
