// A first, local choice of layouts: what convolutions read and write lies channels last, with the
// zero (or -inf) border that its readers would otherwise test for; copies only where a chain of
// convolutions meets an input, an output or a view that cannot take the place of what it views.
//     buffer x: f32[n, c: 64, h: 56, w: 56] dense
//  -> buffer x: f32[n, c: 64, h: 56, w: 56] [n, h+1+1, w+1+1, c] border 0
#pragma once

#include "gir/program.h"
#include "gir/rewrite/rules.h"
#include "gir/target.h"

namespace smeaton::gir::rewrite {

/// Channels-last layouts, a line apart where pixels would meet in the sets of the first cache; rule
/// "channels-last".
Program choose_layouts(Program, const Target&, const Rules&);

/// The layouts that this would give buffers of the program, or the copies that kernels would use.
std::map<Name, Layout> layouts_to_come(Program, const Target&);

/// Borders that make `within` of readers superfluous; rule "border". After choose_layouts.
Program add_borders(Program, const Target&, const Rules&);

}  // namespace smeaton::gir::rewrite
