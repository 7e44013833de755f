// Does a model fit on the devices that share it, and if not, what is over and what would mend it.
#pragma once

#include <string>

#include "compare/phases.h"

namespace smeaton::compare {

/// What an engine leaves of a device's memory to a model, and what it keeps beside it.
struct EngineMemory {
    double usable = 0.9;         ///< share of the capacity
    double workspace_bytes = 0;  ///< of a device
    double block_tokens = 16;    ///< caches grow by so many tokens
    int most_batch = 0;          ///< sequences that it runs at once by default; 0: no limit
    bool is_default = true;      ///< nobody set them
};
EngineMemory memory_of_engine(const std::string& engine);

struct Capacity {
    bool fits = false;
    double usable_bytes = 0;  ///< of one device
    double weights_bytes = 0, cache_bytes = 0, activation_bytes = 0, workspace_bytes = 0;
    double needed_bytes() const {
        return weights_bytes + cache_bytes + activation_bytes + workspace_bytes;
    }
    std::string why;  ///< where it does not fit: the largest term, by how much, what would mend it
};

/// Of one device of `split`, with `batch` sequences of `tokens` each on a replica.
Capacity capacity(const Workload&, const Bits&, const Split&, double capacity_bytes,
                  const EngineMemory&, double batch, double tokens);

/// Most sequences of `tokens` that fit; 0 where not even the weights do.
double most_sequences(const Workload&, const Bits&, const Split&, double capacity_bytes,
                      const EngineMemory&, double tokens);

}  // namespace smeaton::compare
