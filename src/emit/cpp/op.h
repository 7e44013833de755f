// One op as code, as its spelling says: lanes, what is written out, loops.
#pragma once

#include "emit/cpp/access.h"
#include "gir/program.h"

namespace smeaton::emit {

void emit_op(Function&, const gir::Op&);
void emit_check(Function&, const gir::Check&);

/// An op's spelling (gir::Spelling) by the numbers of its dims.
struct OpPlan {
    std::vector<int64_t> extents;
    std::vector<bool> unrolled;  ///< the lane dim: all its vectors written out
    std::vector<size_t> loops;   ///< outermost first
    int lane_dim = -1, across = -1;
    int64_t width = 1;
    int turn = 1, sums = 1;
    int64_t part = 0;
    std::vector<bool> reduced;
};
/// UserError where it asks for wider vectors than the instruction set has.
OpPlan plan_of(const Function&, const gir::Op&);

/// A run of vectors of the lane dim: `count` lanes from `first` on.
struct Segment {
    Linear first;
    int count = 1;
};

/// Calls `body` for the lane dim's extent: a loop over groups of `group` whole vectors, then what
/// is left. Without a lane dim, or with all vectors written out, calls it once with all segments.
void over_lanes(Function&, const OpPlan&, int group,
                const std::function<void(const std::vector<Segment>&)>& body);
/// Opens a loop for each dim in `dims` that the plan has one for, then calls `body`.
void over_loops(Function&, const OpPlan&, const std::vector<gir::NamedDim>& names, Point&,
                const std::vector<size_t>& dims, const std::function<void()>& body);
/// Calls `body` for each combination of the unrolled dims in `dims` (lane dim aside), last fastest.
void over_unrolled(const OpPlan&, Point&, const std::vector<size_t>& dims,
                   const std::function<void()>& body);

}  // namespace smeaton::emit
