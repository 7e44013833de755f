// What a machine is to the tiling of GIR: a handful of numbers.
#pragma once

#include <string>

#include "gir/ledger/levels.h"
#include "gir/target.h"
#include "machine/machine.h"
#include "machine/probe/cpu.h"

namespace smeaton::cost {

/// Of a described machine. Levels innermost first; "per core" is private to the innermost scope.
/// The vector unit is main_vector_unit's; UserError when the machine has none.
gir::Target target_of(const machine::Machine&);

/// Of the CPU that this process runs on, without measuring. `isa`: "" for the best it has, or one
/// of "avx512", "avx2", "plain" to force; UserError when the CPU lacks it or the word is another.
/// Levels are reg, l1, l2, ..., dram. The numbers that tiles depend on equal those of a probe's
/// file.
gir::Target target_of(const machine::CpuFeatures&, const std::string& isa = "");

/// The machine's tree of levels, as the ledger charges it; units of every scope as the machine has
/// them.
gir::Levels levels_of(const machine::Machine&);

}  // namespace smeaton::cost
