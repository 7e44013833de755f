// The innermost body of a tiled nest: scalar tiles become register tiles over a row and a lane
// axis.
#pragma once

#include <set>
#include <vector>

#include "gir/program.h"
#include "gir/target.h"

namespace smeaton::gir::rewrite {

/// The axes to absorb, with the extents of the part in hand (1: nothing to absorb).
struct RegisterBody {
    Name lane;
    int64_t lanes = 1;
    Name row;
    int64_t rows = 1;
    Name sums_in = {};                     ///< level of accumulators; empty: by role
    std::vector<NamedDim> more_rows = {};  ///< further axes of rows, where sums are in memory
};

/// Scalar `local` tiles of the body become `reg` tiles [row, lane]. What follows a contraction and
/// holds expensive scalar functions runs row by row from a tile in the first cache, so that its
/// intermediate values fit the registers beside nothing else ("epilogue by rows").
/// InternalError when the body cannot absorb an axis (callers have checked its form).
Block to_registers(const Block& body, const RegisterBody&, const Target&, std::set<Name>& taken);

/// Scalar and register-sized tiles of level `local` get the innermost level that takes them:
/// accumulators `sums_in` or, where that is empty, one for accumulators, others one for vectors.
Block place_local_tiles(const Block& body, const Target&, Name sums_in = {});

}  // namespace smeaton::gir::rewrite
