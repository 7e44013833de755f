// What a machine is to the tiling of GIR: a handful of numbers.
#pragma once

#include <string>

#include "gir/ledger/levels.h"
#include "gir/target.h"
#include "machine/machine.h"
#include "machine/probe/cpu.h"

namespace smeaton::cost {

/// Of a described machine, all its cores at work. The vector unit is main_vector_unit's; UserError
/// when the machine has none. Bytes in a cycle are `one` bandwidths over that unit's clock; loads
/// in a cycle, those of the first level over the vector, rounded; shapes, those of shapes_of.
gir::Target target_of(const machine::Machine&);

/// Of the CPU that this process runs on, without measuring. `isa`: "" for the best it has, or one
/// of "avx512", "avx2", "plain" to force; UserError when the CPU lacks it or the word is another.
/// Levels are reg, l1, l2, ..., dram with the CPU's own sizes; what only a probe could tell is as
/// in most CPUs (gir/common_cpu.h), so that code does not depend on what a measurement gave.
gir::Target target_of(const machine::CpuFeatures&, const std::string& isa = "");

/// The machine's tree of levels, as the ledger charges it; units of every scope as the machine has
/// them.
gir::Levels levels_of(const machine::Machine&);

}  // namespace smeaton::cost
