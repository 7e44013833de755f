// Other names for what a block speaks of, all of them at once.
#pragma once

#include <string>

#include "base/flat_map.h"
#include "gir/walk.h"

namespace smeaton::gir {

struct Renaming {
    OtherNames targets;                         ///< buffers, tiles
    OtherNames vars;                            ///< axes, op dims, tile dims
    FlatMap<std::string, std::string> origins;  ///< model nodes that ops come from
};
/// What has no other name keeps its own.
Block rename(const Block&, const Renaming&);

}  // namespace smeaton::gir
