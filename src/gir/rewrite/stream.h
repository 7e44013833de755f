// How kernels of a machine of scratchpads, whose bytes are moved by what works beside its units,
// keep those units busy: sums are made as their terms come, and operands are brought to registers
// before the op that reads them.
#pragma once

#include <optional>
#include <set>

#include "gir/program.h"
#include "gir/target.h"

namespace smeaton::gir::rewrite {

/// A tile that a nest fills and that one sum alone reads, whole:
///     let row: local f32[i: 32, j: 56]
///     parallel i: 32, j: 56 { ...; move row[i,j] <- t[] }
///     let m: local f32[]
///     reduce add m[] <- row[v,w] over v: 32, w: 56
///  -> let m: local f32[]
///     fill m[] <- 0.0
///     for i: 32, j: 56 { ...; reduce add m[] += t[] }
/// Before: a lowered body, names of its tiles its own. What is written else in the nest stays. Rows
/// that are kept and hold the same, one for each reader, become one:
///     move row[i,j] <- t[]; move row_2[i,j] <- t[]   ->   move row[i,j] <- t[]
Block sum_as_it_comes(const Block& body);

/// Ops of a block read buffers by way of tiles that moves fill, each operand once:
///     binary add t[] <- x[i,c], y[i,c]
///  -> let x_in: local f32[]; move x_in[] <- x[i,c]; ...; binary add t[] <- x_in[], y_in[]
/// Of operands that use `lane`, the dim or axis along which vectors run, and one of `axes`, loops
/// around; statements inside loops are left.
Block bring_operands(const Program&, const Block&, Name lane, const std::set<Name>& axes,
                     std::set<Name>& taken);

/// Turns of a serial loop whose last op scatters, `part` of them at once: what its places are
/// worked out from runs along vectors, then all scatter in the order of the turns.
///     for i: 64 { let w: ...[]; binary add w[] <- q[i], 3; scatter add y[w[]] <- x[i] }
///  -> let w: ...[i: 64 lanes]; binary add w[i] <- q[i], 3; scatter add y[w[i]] <- x[i] over i: 64
/// Nothing where the body is otherwise.
std::optional<Block> scatter_at_once(const Block& body, Name axis, int64_t part);

/// Has the target memory that is filled by name, behind the registers?
bool moves_beside_units(const Target&);

/// Vectors that one op should take so that its results are through the pipeline when the next,
/// which reads them, begins; at least 1.
int64_t vectors_in_flight(const Target&);

}  // namespace smeaton::gir::rewrite
