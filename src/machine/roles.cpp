#include "machine/roles.h"

#include <algorithm>

namespace smeaton::machine {

bool takes(const Level& level, OperandRole role) {
    return level.roles.empty() ||
           std::find(level.roles.begin(), level.roles.end(), role) != level.roles.end();
}

const Level& level_taking(const Machine& m, OperandRole role) {
    for (size_t i = 1; i < m.levels.size(); ++i)
        if (takes(m.levels[i], role)) return m.levels[i];
    return m.levels.back();
}

}  // namespace smeaton::machine
