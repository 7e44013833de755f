// A block as a graph of its own.
#pragma once

#include "model/blocks/blocks.h"

namespace smeaton::model {

/// Its nodes in their order; its inputs become graph inputs, its outputs graph outputs, what it
/// reads of constants comes with it. Names stay. Of a shaped graph the result is shaped.
Graph extract(const Graph&, const Block&);

}  // namespace smeaton::model
