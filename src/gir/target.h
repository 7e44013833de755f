// What a tiling rewrite may know of a machine: its tree of units and levels, and what its units
// take at once. Plain numbers, no names of products; src/cost/target.h fills them in.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/name.h"
#include "gir/room.h"
#include "tensor/dtype.h"

namespace smeaton::gir {

using tensor::DType;

/// Operands that a level may hold: the first and second of mma, its accumulator, those of other
/// ops.
enum class OperandRole { A, B, Acc, Vector };

/// A level of the tree of units: `count` of them in each unit of the scope before.
struct TargetScope {
    Name name;  ///< "cluster", "core"
    int64_t count = 1;
};

struct TargetLevel {
    Name name;              ///< "reg", "l1", "l2", "l3", "dram"
    Name next = {};         ///< the level outwards; empty for the outermost
    Name scope = {};        ///< whose units have one each; empty: one for the machine
    Capacity capacity = 0;  ///< bytes of one instance, or one part of it
    int parts = 1;          ///< that a scratchpad's room is divided in
    int64_t line_bytes = 64;
    int64_t ways = 0;  ///< of a cache; 0: unknown
    bool software_managed = false;
    std::vector<OperandRole> roles = {};  ///< operands it takes; empty: all
    /// To one core working alone, and from it; 0: keeps pace with whatever it feeds.
    Figure read_bytes_per_cycle = 0;
    Figure write_bytes_per_cycle = 0;

    bool takes(OperandRole role) const;
};

/// What a unit takes at once: acc[rows, columns] += a[rows, group] * b[group, columns]. A vector
/// FMA is 1 x lanes x 1, a dot product of bytes 1 x 16 x 4, a tile unit 16 x 16 x 64, an array that
/// holds its weights 1 x columns x rows.
struct MmaShape {
    Name unit;
    DType a = DType::kF32, b = DType::kF32, acc = DType::kF32;
    int64_t rows = 1, columns = 1, group = 1;
    Name a_from = {}, b_from = {}, acc_in = {};  ///< levels; empty: the one that takes the role
    bool holds_b = false;                        ///< b stays in the unit while rows stream through
    double per_cycle = 1;                        ///< begun in a cycle
    double latency_cycles = 1;                   ///< until the next one that adds to the same sums
    double fill_cycles = 0;  ///< from the first in to the last out, once for each pass
    Figure number = 0;       ///< of rows that differ in nothing; asked for where the row is
};
/// Equal rows get equal numbers, others other ones, for as long as the process runs.
double number_of(const MmaShape&);

/// Lanes of a dtype that is not as wide as its bits say.
struct TargetLanes {
    DType dtype = DType::kF32;
    int64_t lanes = 1;
};

struct Target {
    std::vector<TargetScope> scopes;  ///< outermost first; empty: one unit
    std::vector<TargetLevel> levels;  ///< innermost (registers) first, outermost last
    Figure vector_bytes = 64;         ///< of the vector unit: 64 AVX-512, 32 AVX2, 16 plain
    Figure vector_registers = 32;
    std::vector<TargetLanes> lanes_of;  ///< where they are not vector_bytes over the element's
    Figure loads_per_cycle = 1;         ///< begun by one core, of a vector or of one element
    /// Elements of a vector whose lanes lie apart: loaded by one instruction (0: it has none), and
    /// loaded one by one and put together (0: as fast as these).
    Figure gathers_per_cycle = 0, inserts_per_cycle = 0;
    Figure shuffles_per_cycle = 0;  ///< of a vector's lanes; 0: not told
    std::vector<MmaShape> shapes;   ///< fastest first
    int cores = 1;                  ///< innermost units at work
    /// Of whoever prices on the target by numbers that it does not hold; 0: nobody, or one only.
    Figure oracle = 0;

    /// Memory that is filled by name, behind the registers: what is copied there the memory system
    /// moves, no unit.
    bool is_scratchpad(const TargetLevel& l) const {
        return l.software_managed && &l != &registers() && &l != &outermost();
    }

    const TargetLevel& registers() const { return levels.front(); }
    const TargetLevel& outermost() const { return levels.back(); }
    const TargetLevel* find(Name level) const;
    /// InternalError for a name that is no level.
    const TargetLevel& level(Name) const;
    /// The level outwards of this one; the outermost is its own.
    const TargetLevel& outwards_of(const TargetLevel&) const;
    /// The innermost level that takes the role and has room for `bytes` beside as many again (a
    /// register file: for just them).
    const TargetLevel& level_for(OperandRole, int64_t bytes) const;
    /// The same without the registers.
    const TargetLevel& memory_for(OperandRole, int64_t bytes) const;
    /// The innermost level behind the registers that takes the role.
    const TargetLevel& first_level(OperandRole) const;
    /// Where what is read again and again lives while other things stream past it: the level behind
    /// the first cache, or the role's own scratchpad.
    const TargetLevel& panel_level(OperandRole) const;

    /// Units of the machine; 1 for the empty scope.
    int64_t units(Name scope) const;
    /// Innermost units of the whole machine, at work or not.
    int64_t all_cores() const;
    /// Innermost scope: where kernels run. "core" for a machine of one unit.
    Name core_scope() const;
    /// How far in a scope lies: 0 for the machine as a whole (no name), then 1, 2, ...; a scope
    /// that the target does not know ("any") is the innermost.
    int64_t depth(Name scope) const;
    /// Cores at work that share one instance of a level, at least 1.
    int64_t sharers(const TargetLevel&) const;

    /// Elements of a vector. Narrow ones are computed in 32 bits unless the unit says otherwise.
    int64_t lanes(DType) const;
    /// The fastest shape for these operands; where none is rated, that of the accumulator's own
    /// dtype (operands are converted first), then f32's with the accumulator's lanes.
    MmaShape shape_for(DType a, DType b, DType acc) const;
    /// The vector unit's own multiply-add of f32, whatever else is faster.
    MmaShape vector_multiply_add() const;
    /// Sums are kept in the register file.
    bool sums_in_registers(const MmaShape&) const;
};

/// The target with every question about one of its numbers noted in `asked`, which it sizes, in the
/// order of numbers_of; one that was noting elsewhere does so no more.
Target noting(Target, Region& asked);
/// Those numbers: the capacities by level (0: unbounded), then all others.
std::vector<double> numbers_of(const Target&);
/// All else of a target, as text: equal for targets that differ in those numbers alone.
std::string levels_of_any_size(const Target&);

/// What each level but the registers holds (one instance), for the verifier: the code of one tile
/// shares registers by when each is read last, which blocks do not say.
std::map<Name, int64_t> capacities(const Target&);

}  // namespace smeaton::gir
