// Random GIR programs, as text, that mean something: bounds, layouts, broadcasts, gathers, nests.
#pragma once

#include <cstdint>
#include <string>

namespace smeaton::emitted {

/// A program of `kernels` kernels, each on buffers of its own. The same seed gives the same text.
std::string random_program(uint64_t seed, int kernels);

}  // namespace smeaton::emitted
