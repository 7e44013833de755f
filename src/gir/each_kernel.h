// Kernels of a program one by one, for passes that work on each by itself.
#pragma once

#include <unordered_map>
#include <vector>

#include "gir/program.h"

namespace smeaton::gir {

/// All kernels in step order, `once` ones included; one that stands in several steps is there once.
std::vector<KernelPtr> distinct_kernels(const Program&);

using OtherKernels = std::unordered_map<const Kernel*, KernelPtr>;
/// The program with others in place of its kernels; those that none is named for stay.
Program with_kernels(Program, const OtherKernels&);

}  // namespace smeaton::gir
