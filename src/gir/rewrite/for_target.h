// All rewrites in their order, for those who need no stage in between: the driver's pipeline runs
// the same ones as stages of their own.
#pragma once

#include "gir/rewrite/rules.h"
#include "gir/target.h"

namespace smeaton::gir::rewrite {

/// A lowered program fused, laid out, tiled and claimed for the target, and spelled where all its
/// sizes are bound.
Program for_target(Program, const Target&, Rules = {});

}  // namespace smeaton::gir::rewrite
