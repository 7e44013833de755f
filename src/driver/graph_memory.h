// What a model takes before anything is fused.
#pragma once

#include <cstdint>

#include "model/graph.h"

namespace smeaton::driver {

/// The most bytes alive at once: one dense buffer for each value that a node makes, none in place;
/// outputs apart. All sizes must be known.
int64_t graph_max_live_bytes(const model::ShapedGraph&);

}  // namespace smeaton::driver
