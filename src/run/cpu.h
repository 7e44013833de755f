// What this process may run on: cores (affinity and cgroup quota) and instruction sets.
#pragma once

#include <string>
#include <vector>

namespace smeaton::run {

/// Core numbers in this process's affinity mask, ascending.
std::vector<int> allowed_cores();
/// Cores worth using: those allowed, but no more than the cgroup's CPU quota pays for; at least 1.
int usable_cores();
/// The best instruction set that code can be emitted for here: "avx512bf16", "avx512", "avx2",
/// "plain".
std::string host_isa();
/// Model and feature flags of the CPU as the kernel states them.
const std::string& cpu_identity();

}  // namespace smeaton::run
