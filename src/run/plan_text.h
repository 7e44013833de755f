// The text form of plans.
//
//   plan
//     arena 4096
//     scratch 64
//     persistent 256
//     externals 1
//     buffer 0 x: external 0 bytes 256
//     buffer 1 w: constant bytes 256
//     buffer 2 t: arena 64 bytes 256
//     buffer 3 p: persistent 0 bytes 256
//     buffer 4 q: packed 0 bytes 256 key "5f0c"
//     fill 2 offset 4 count 3 bytes 4 element 4286578688
//     once pack(1, 3) writes 3
//       phase pack_0 range 4 parallel
//     step add(3, 0, 2) writes 2 work 1200.0
//       phase add_0 range 12 parallel
//     step sum(2, 0) writes 0 after 0 team 0, 2
//       phase sum_0 range 12 parallel
//       message "Gather_1: index outside"
//     order 0, 1
//
// Zero sizes and empty lists are left out.
#pragma once

#include <string>
#include <string_view>

#include "run/plan.h"

namespace smeaton::run {

std::string print(const Plan&);
/// parse_plan(print(p)) == p. UserError("FILE:LINE:COL: …") on malformed text and on numbers of
/// buffers or steps that do not stand above.
Plan parse_plan(std::string_view text, const std::string& file);

}  // namespace smeaton::run
