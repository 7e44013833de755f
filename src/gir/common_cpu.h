// A CPU as most are, where nobody has measured one: what tiles are chosen by when a session starts.
#pragma once

#include <vector>

#include "gir/target.h"

namespace smeaton::gir {

/// What a CPU's own facts (CPUID, its caches) do not say is taken to be as in most: two vector
/// multiply-adds begun in a cycle, four cycles each; two loads and one store of a vector; 40 bytes
/// a cycle from the second cache, 10 from the third, 4 from memory. `caches` innermost first,
/// without rates; what lies outwards of each and memory itself are added.
Target common_cpu(int vector_bytes, int vector_registers, int cores,
                  std::vector<TargetLevel> caches, int64_t memory_bytes);

/// With caches of 32 KiB and 1 MiB for each core and 32 MiB for all, for tests and benches.
Target common_cpu(int vector_bytes = 64, int vector_registers = 32, int cores = 1);

}  // namespace smeaton::gir
