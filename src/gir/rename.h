// Other names for what a block speaks of, all of them at once.
#pragma once

#include <map>
#include <string>

#include "gir/program.h"

namespace smeaton::gir {

struct Renaming {
    std::map<Name, Name> targets;                ///< buffers, tiles
    std::map<Name, Name> vars;                   ///< axes, op dims, tile dims
    std::map<std::string, std::string> origins;  ///< model nodes that ops come from
};
/// What has no other name keeps its own.
Block rename(const Block&, const Renaming&);

}  // namespace smeaton::gir
