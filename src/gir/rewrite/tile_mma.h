// Tiles a kernel statement whose body is one contraction (GEMM, convolution, batched products).
//
// Before: parallel axes around { let acc[]; init; mma acc[] += a*b over dims; elementwise; move }.
// After:  outer parallel and serial loops around register tiles acc[row, lane], the contraction cut
// into
//         serial loops around a short unrolled mma; a weight in the order in which it is read.
//     parallel m: 128 { parallel n: 768 { ... mma acc[] += x[m,k]*w[k,n] over k: 768 ... } }
//  -> parallel n0: 12 core { for m0: 16 { let acc: reg f32[m: 8, n: 64 lanes] ... for k_0: 384 {
//  mma } } }
#pragma once

#include <optional>
#include <set>
#include <vector>

#include "gir/program.h"
#include "gir/rewrite/packing.h"
#include "gir/target.h"

namespace smeaton::gir::rewrite {

struct TiledStmt {
    Block block;
    std::vector<Packing> packings;
    bool lone_column = false;  ///< of an array's columns one works at a time
};

/// Nothing when the statement is not of that form. `taken`: names in use in the kernel and program.
/// `changed`: states that no longer hold what they held when the run began.
std::optional<TiledStmt> tile_mma(const Program&, const StmtPtr&, const Target&,
                                  std::set<Name>& taken, const std::set<Name>& changed,
                                  bool weighs = true);

}  // namespace smeaton::gir::rewrite
