#include "gir/rewrite/scratch_room.h"

namespace smeaton::gir::rewrite {

Name ScratchRoom::take(const TargetLevel& wanted, int64_t bytes) {
    const TargetLevel* level = &wanted;
    for (size_t i = 1; i < target_.levels.size() && !fits(*level, bytes); ++i)
        if (target_.levels[i].takes(OperandRole::Vector)) level = &target_.levels[i];
    if (!fits(*level, bytes)) level = &target_.outermost();
    note(level->name, bytes);
    return level->name;
}

bool ScratchRoom::fits(const TargetLevel& level, int64_t bytes) {
    bool counted = level.software_managed && &level != &target_.registers();
    return !counted || level.capacity.holds(placed_[level.name] + bytes);
}

}  // namespace smeaton::gir::rewrite
