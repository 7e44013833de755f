// All rewrites in their order, for those who need no stage in between: the driver's pipeline runs
// the same ones as stages of their own.
#pragma once

#include "gir/rewrite/rules.h"
#include "gir/target.h"

namespace smeaton::gir::rewrite {

/// A lowered program fused and laid out.
Program shaped_for(Program, const Target&, Rules = {});

/// A shaped program tiled and claimed for the target, and spelled where all its sizes are bound.
Program tiled_for(Program, const Target&, Rules = {});

/// Claims (rule "claim-resident"), steps that set borders again, and spelling, as steps of their
/// own that log what they did.
Program claimed_for(Program, const Target&, const Rules&);
Program bordered_for(Program, const Rules&);
Program spelled_for(Program, const Target&, const Rules&);

/// Both: a lowered program for the target.
Program for_target(Program, const Target&, const Rules& = {});

}  // namespace smeaton::gir::rewrite
