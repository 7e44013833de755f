// Walking and rebuilding blocks; collecting uses; renaming.
#pragma once

#include <functional>
#include <set>
#include <vector>

#include "base/flat_map.h"
#include "gir/program.h"

namespace smeaton::gir {

/// The statements inside a loop; null for one that is none.
const Block* body_of(const Stmt&);
/// The loop with another body.
StmtPtr with_body(const Stmt& loop, Block body);

/// Calls `visit(stmt, enclosing)` for every statement, outermost first.
void for_each_stmt(const Block&, const std::function<void(const Stmt&)>& visit);
void for_each_op(const Block&, const std::function<void(const Op&)>& visit);
/// Every slice of an op: dst (written), sources, index slices, payload.
void for_each_slice(const Op&, const std::function<void(const Slice&, bool written)>& visit);

/// The slices that the op reads by its lanes: sources, and what it combines with. Those of computed
/// coordinates are read element by element.
void for_each_operand(const Op&, const std::function<void(const Slice&)>& visit);

/// The slice itself, then those of its computed coordinates, which are read.
void visit_with_indices(const Slice&, bool written,
                        const std::function<void(const Slice&, bool written)>& visit);

/// The most that tiles of the block and of those in it take at once, of each what `bytes` says: a
/// tile lives to the end of its block.
double most_at_once(const Block&, const std::function<double(const Let&)>& bytes);

/// The pass that fills a copy: each element of the tile from the source's.
Op filling_of(const Let& copy);

/// Rebuilds a block bottom-up: `rewrite` gets each statement (its body already rebuilt) and returns
/// what stands in its place (empty: removed; the same pointer: unchanged).
Block map_stmts(const Block&, const std::function<Block(const StmtPtr&)>& rewrite);
/// Rebuilds every op; returns the same block when nothing changed.
Block map_ops(const Block&, const std::function<Op(const Op&)>& rewrite);

/// The substitution applied to every affine form of the op (coords, bounds, iota value, index
/// slices).
Op substitute(const Op&, const Substitution&);
Slice substitute(const Slice&, const Substitution&);
Block substitute(const Block&, const Substitution&);
/// By name: another one.
using OtherNames = FlatMap<Name, Name>;
/// Renames targets (buffers, tiles) of all slices and of Let declarations.
Block rename_targets(const Block&, const OtherNames&);
/// Renames axes, op dims, tile dims.
Block rename_vars(const Block&, const OtherNames&);

/// Gives tiles of one name in blocks beside or inside each other names of their own, which no
/// buffer that the block uses has.
Block with_unique_tiles(const Block&);

/// Names declared in the block: axes, tiles, op dims.
std::set<Name> declared_names(const Block&);
/// A name not in `taken`: base, base_2, base_3...; inserts it.
Name fresh(Name base, std::set<Name>& taken);

/// Fills reads and writes from the body (names that are not tiles are buffers).
Kernel with_uses(Kernel);
std::set<Name> tiles_declared(const Block&);

/// Does the body run in phases, several parallels or something done beside one? Then tiles that are
/// declared in it are seen by more than one unit. Claims and constants do nothing.
bool has_several_phases(const Block& kernel_body);

/// The parallel that is all there is in a block but for claims, which do nothing: units share its
/// iterations and those of the parallel around it as one range. Null: there is none.
const Parallel* only_parallel(const Block&);

/// Points of the iteration spaces of all ops, loops around them counted; extents must be const.
double points(const Block&);

/// All kernels of a program in step order, `once` ones included.
std::vector<KernelPtr> kernels(const Program&);
/// Rebuilds every kernel (same pointer = unchanged).
Program map_kernels(Program, const std::function<KernelPtr(const KernelPtr&)>& rewrite);

}  // namespace smeaton::gir
