// Bytes through the ports of scratchpads: between a level with a `port_gb_s` and the next outwards.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "cost/reuse.h"
#include "cost/shapes.h"
#include "machine/machine.h"

namespace smeaton::cost {

/// Bytes by level, both ways together, of all executions. A copy into a tile, or a move out of one,
/// crosses the ports between the two levels; what a vector op asks (a move within a level, or
/// between levels beside each other, is one) crosses those between its registers and the level;
/// operands of the units that take contractions those below their scratchpads for them.
std::map<std::string, double> port_bytes(const Nest&, const machine::Machine&,
                                         const std::vector<ShapeRow>&,
                                         const std::set<Name>& scratchpads);

}  // namespace smeaton::cost
