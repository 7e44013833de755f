// The passes of the model graph. Each is one free function in a file pair of its own.
#pragma once

#include <cstdint>

#include "model/graph.h"

namespace smeaton::model {

/// What a pass gives back: the graph, and how many places it changed (0: the very same graph).
struct Rewritten {
    ShapedGraph shaped;
    int64_t changes = 0;
};

}  // namespace smeaton::model
