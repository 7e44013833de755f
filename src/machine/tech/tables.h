// Energy and area of parts by process, as published: what a description with a `technology` need
// not say itself. Each figure has a source and, where sources differ or nobody checked, a range.
#pragma once

#include <optional>

#include "machine/machine.h"

namespace smeaton::machine::tech {

/// pJ of one operation on one element, operands in registers. Sums and products are published (for
/// 64 bits derived from 32); the other classes are derived from them, as their source says. Nothing
/// for a class or dtype that no figure speaks of.
std::optional<Number> op_pj(Technology, OpClass, tensor::DType);

/// pJ of one byte read from or written to an SRAM of this size, in accesses of 64 bits. Between
/// published sizes along a power law, beyond the first and last along their neighbour's.
Number sram_pj_per_byte(Technology, double capacity_bytes);

/// mm2 of the cells of one adder or multiplier, without wires and control; nothing where no figure
/// is published.
std::optional<Number> op_mm2(Technology, OpClass, tensor::DType);

/// mm2 of an SRAM: its bit cells over the share of a macro that they fill.
Number sram_mm2(Technology, double capacity_bytes);

}  // namespace smeaton::machine::tech
