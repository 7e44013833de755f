// For tests of what is charged: programs spelled for sixteen lanes and common caches.
#pragma once

#include "gir/rewrite/spell/spell.h"

namespace smeaton::cost {

inline gir::Target sixteen_lanes() {
    gir::Target t;
    t.levels = {{"reg", 2048, 64, true, true},
                {"l1", 32 << 10, 64, false, true},
                {"l2", 1 << 20, 64, false, true},
                {"dram", 0, 64, false, false}};
    return t;
}

}  // namespace smeaton::cost
