// What the forward half of a training step keeps for the backward one.
#pragma once

#include <cstdint>
#include <string>

#include "model/graph.h"

namespace smeaton::model {

/// Bytes of the values that nodes up to the one which makes the loss compute and nodes behind it
/// read, each counted once; views (Reshape and its like) count as what they view. Graph inputs and
/// constants are there anyway and do not count. Sizes must be numbers.
int64_t stash_bytes(const Graph&, const std::string& loss);

}  // namespace smeaton::model
