// How fast this CPU loads a vector whose elements lie apart, measured while a program is compiled.
#pragma once

#include <optional>

#include "machine/probe/cpu.h"

namespace smeaton::machine {

/// Elements of f32 in a cycle, from the first level.
struct ApartRates {
    double gathers_per_cycle = 0;  ///< by one instruction for each vector; 0: there is none
    double inserts_per_cycle = 0;  ///< loaded one by one and put together
};

/// Of vectors of so many bits. Measured once in a process, in less than a millisecond: makes of CPU
/// differ by more than what `CpuFeatures` tells of them. Nothing where the CPU has no such vectors,
/// or is not x86-64.
std::optional<ApartRates> apart_rates(const CpuFeatures& here, int vector_bits);

}  // namespace smeaton::machine
