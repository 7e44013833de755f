// SimDIT's hardware JSON as a machine for the native model.
#pragma once

#include <string>

#include "machine/machine.h"
#include "sim/simdit/hardware.h"

namespace smeaton::driver {

/// Is this text SimDIT's JSON and no description of a machine? By its keys.
bool is_simdit_hardware(const std::string& text);

/// The precision (precision.h) that its operands have: int4, int8, bf16 or f32 by their width in
/// bits. UserError naming the key where weights and inputs differ, or no type has such a width.
std::string precision_of(const sim::simdit::Hardware&, const std::string& file);

/// simulator.md 1.1 in our words: rows x columns of cells that keep weights, a buffer in two parts
/// for each operand (WBUF, IBUF: halves of what the key says; OBUF: the key is one half), a vector
/// unit of a lane for each column whose memory (both VMEMs) has one part, a port of its own for
/// each. 32-bit words of the vector unit are f32. Biases have no buffer of their own. Cycles of
/// division, exponential and square root are SimDIT's of inference (fixed point) below 16 bits of
/// operand, of training from 16 on, at its clock of 800 ps. No energy is known.
machine::Machine machine_of(const sim::simdit::Hardware&, const std::string& file);

}  // namespace smeaton::driver
