// Where temps lie: liveness over the steps, one arena, who must have its border set again.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "gir/program.h"

namespace smeaton::gir {

struct MemoryOptions {
    Bindings bindings;
    int64_t alignment_bytes = 64;
    /// Working memory that a kernel asks for while it runs (tile_bytes helps); none: 0.
    std::function<int64_t(const Kernel&)> scratch_bytes;
    /// Whether the step at the first position has always ended when that at the second begins;
    /// none: steps run one after another in the order of the text. Only a step above another may
    /// end before it, and the steps of branches and repeats know no other order.
    std::function<bool(int, int)> before;
    std::vector<Name> apart;  ///< temps whose bytes nobody shares
};

/// Temps that share bytes (aliases), or the scratch of one step.
struct ArenaEntry {
    std::vector<Name> buffers;  ///< in program order; empty: scratch
    int64_t offset = 0;
    int64_t bytes = 0;        ///< of the largest
    int first = 0, last = 0;  ///< positions of the steps between which it lives, inclusive
};

struct ArenaPlan {
    std::vector<ArenaEntry> entries;
    std::map<Name, int64_t> offsets;         ///< of every temp in the arena
    std::map<int, int64_t> scratch_offsets;  ///< by step position
    int64_t arena_bytes = 0;
    int64_t lower_bound_bytes = 0;  ///< most bytes alive at one step, scratch included
    /// Temps whose border others overwrite: to be set again before their first writer, in each run.
    /// The borders of the others are set once, when the arena is made.
    std::vector<Name> needs_border_fill;
    /// Temps that `once` steps write and others read: kept for good, outside the arena.
    std::vector<Name> kept;
    int64_t kept_bytes = 0;
};

/// Two temps may share bytes where all who use the one have ended before any who uses the other
/// begins. Plans the temps of the steps that run each time (once = false), or those that only
/// `once` steps use. Positions number all steps in text order, those inside branches and repeats
/// included. UserError when a size is not bound.
ArenaPlan plan_arena(const Program&, const MemoryOptions& = {}, bool once = false);
/// The same where every border in need of it is set by a step: the others have their bytes for
/// themselves, throughout.
ArenaPlan plan_arena_with_borders(const Program&, const MemoryOptions& = {});

/// Does a step fill coordinates of the buffer outside its extents?
bool is_set_by_step(const Program&, Name buffer);

/// The positions and steps as plan_arena numbers them.
void for_each_step(const Program&, const std::function<void(int position, const Step&)>& visit);

/// Bytes of the tiles that a kernel must find memory for at one of `levels` (claims and constants
/// need none): those that live at once, those inside a parallel once per unit.
int64_t tile_bytes(const Kernel&, const std::vector<Name>& levels, int64_t units,
                   const Bindings& = {});

/// Does the buffer have border or padding elements whose value is stated?
bool has_border(const Buffer&, const Bindings& = {});

struct LiveRange {
    int64_t bytes = 0;
    int first = 0, last = 0;  ///< inclusive
};
/// The most bytes alive at one point: what no arena can be smaller than.
int64_t max_live_bytes(const std::vector<LiveRange>&);

/// Whether two ranges, by index, may be alive at the same time.
using MayOverlap = std::function<bool(size_t, size_t)>;

/// Offsets for the ranges such that those alive together do not overlap; returns the arena's size.
/// Without `may_overlap`, the points between `first` and `last` tell.
int64_t pack(const std::vector<LiveRange>&, int64_t alignment_bytes, std::vector<int64_t>& offsets,
             const MayOverlap& may_overlap = {});

}  // namespace smeaton::gir
