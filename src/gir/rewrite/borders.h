// Borders that must be set again in every run, as steps.
//
//     buffer x: memory f32[h: 6, w: 6] temp [1+h+1, 1+w+1] border 0.0
//     run reorder_x(in -> x)
//  -> run border_x_h( -> x)
//     run border_x_w( -> x)
//     run reorder_x(in -> x)
//     kernel border_x_h( -> x)
//       fill x[-1,w-1] <- 0.0 over w: 8
//       fill x[6,w-1] <- 0.0 over w: 8
//     kernel border_x_w( -> x)
//       fill x[h,-1] <- 0.0 over h: 6
//       fill x[h,6] <- 0.0 over h: 6
#pragma once

#include "gir/program.h"
#include "gir/rewrite/rules.h"

namespace smeaton::gir::rewrite {

/// Before the first step that writes a temp whose border others overwrite in the arena
/// (memory/arena.h), one for each dim that has one, which fills it. The borders of other temps are
/// set once and their places kept. Every size must be bound; nothing is done for a border that
/// steps set already.
/// `kept`: from targets that differ in capacities alone; null: nothing.
Program set_borders(Program, KeptKernels* kept = nullptr);

}  // namespace smeaton::gir::rewrite
