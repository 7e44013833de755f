// The tree of memory levels that traffic is charged to, and how many copies of a private tile
// exist.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "gir/program.h"
#include "gir/target.h"

namespace smeaton::gir {

/// Parents come before children; the first level is the root (outermost).
struct Levels {
    struct Level {
        Name name;
        int parent = -1;
        Name scope = {};  ///< whose units have one each; empty: one for all
    };
    std::vector<Level> list;
    /// Units of each scope, all in all; absent: 1.
    std::map<Name, int64_t> units;

    /// InternalError when the level is not in the tree.
    int index(Name level) const;
    /// Is `level` equal to `ancestor` or below it?
    bool inside(int level, int ancestor) const;
};

/// What the kernels, their tiles and their buffers name; reads and writes are filled in.
std::set<Name> names_used(const Program&, const std::vector<const Kernel*>&);
/// A chain of the levels that the kernel and its buffers name, ordered by the usual names:
/// memory, dram, hbm, l3, l2, l1, local, reg. InternalError for another name: pass Levels then.
Levels levels_used(const Program&, const std::vector<const Kernel*>&);
/// Those of all kernels of the program.
Levels levels_used(const Program&);
/// The tree of a target; of each scope, the units at work.
Levels levels_of(const Target&);
/// The same, and what kernels of the program name besides: `memory`, which is the outermost level
/// unless that is named as well and lies inside; `local`, inside all.
Levels levels_of(const Target&, const Program&);

/// Where accesses to a buffer are charged: at the level it claims residency in, else at its own.
Name charged_level(const Buffer&);

/// How many copies of a claimed or copied tile exist that is declared just before `rest` in its
/// block: above parallels whose units own the level, or share one among several, as many as their
/// iterations reach; else one.
int64_t tile_copies(const Levels&, const Let&, const Block& rest_of_block);

/// Does what lies outside the source's bounds have to be written besides (a copy that pads)?
bool pads(const Let&);

}  // namespace smeaton::gir
