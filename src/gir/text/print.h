// The text form of GIR; parse.h reads it back to the same program. docs/gir.md shows it by example.
//
//   program tail
//     param N = 4
//     buffer x: memory f32[n: 1, c: 64, h: 56, w: 56] input
//     buffer x16: dram f32[n: 1, c: 64, h: 56, w: 56] temp [n, c/16, 1+h+1, 1+w+1, c%16] border 0.0
//     buffer w: dram f32[k: 64, c: 64] weight data f32[64,64] hash 0x0123456789abcdef
//     once run pack(w -> wp)
//     run conv(x16, wp -> y16)
//
//   kernel conv(x16, wp -> y16) from Conv_20
//     parallel oh: 56 core
//       let acc: reg f32[p: 14, k: 32 lanes]
//       fill acc[p,k] <- 0.0
//       mma acc[p,k] += x16[0,c,oh,p] * wp[k,c] over c: 64
//       move y16[0,k,oh,p] <- acc[p,k] from Relu_21
//
// The dims of an op are those that its tile operands name (scope.h); `over` names what they do
// not, or `over only` all. An op without `from` has the origins of the op before it, the first one
// those of its kernel; `from nothing` has none. Integer literals have no point, float literals do.
#pragma once

#include <string>

#include "gir/program.h"
#include "tensor/tensor_text.h"

namespace smeaton::gir {

std::string print(const Program&);
std::string print(const Kernel&);
/// Statements one per line, `level` deep. Tiles declared outside are unknown to it: ops spell their
/// dims.
std::string print(const Block&, int level = 0);

// One line each, for messages; ops and checks spell all their dims.
std::string print(const Op&);
std::string print(const Slice&);
std::string print(const Step&);    ///< the first line of a branch or repeat
std::string print(const Buffer&);  ///< "buffer x: …"
/// "[n, c/16, 1+h+1, 1+w+1, c%16]", or "dense".
std::string layout_text(const Buffer&);
/// "oh*2+r-3"
std::string affine_text(const Affine&);
std::string literal_text(const Literal&);

/// The constants that stand by their hash in the program's text.
tensor::ConstantTable large_constants(const Program&);

}  // namespace smeaton::gir
