// Contractions on units that take shapes of their own: dot products, tile units, arrays.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "cost/reuse.h"
#include "cost/shapes.h"
#include "cost/work.h"

namespace smeaton::cost {

/// What goes to one row of the table.
struct ShapeUse {
    ShapeRow row;
    double shapes = 0;  ///< begun, those that wait for sums of the one before counted again
    double passes = 0;  ///< each is filled and drained once
    double macs = 0;    ///< multiply-adds of the program, nothing padded
};

/// What the ops ask of one operand's level.
struct OperandAccess {
    machine::OperandRole role = machine::OperandRole::A;
    Name level;
    bool write = false;
    double bytes = 0;
};

struct ContractionWork {
    std::vector<ShapeUse> uses;           ///< in the order of the table
    double loads = 0;                     ///< vectors read from levels managed by hardware
    std::vector<OperandAccess> accesses;  ///< op by op, those not in registers
    std::map<Name, double> asked_read_bytes, asked_write_bytes;  ///< by level, as Work has them
    TakenOps ops;                                                ///< those that were taken
};

/// Counts those `mma`s of the nest whose fastest row is more than a multiply-add of vectors. An op
/// over [batch, m, n, k] is batch x ceil(m/rows) x ceil(n/columns) x ceil(k/group) shapes; with
/// fewer independent sums than latency x rate its time grows by their ratio. Each operand is read
/// once by an op, except by arrays: what streams past what stays is read once for each tile that
/// stays, and sums that do not stay go through once for each group. Dot products of a vector unit
/// have one row operand for all lanes: batches stay with the vector unit. `slot_bytes`: what a load
/// brings.
ContractionWork take_contractions(const Nest&, const std::vector<ShapeRow>&, double slot_bytes,
                                  const std::set<Name>& scratchpads);
/// The same of one execution of an op of the nest.
ContractionWork take_contraction(const Nest&, const gir::Op&, const std::vector<ShapeRow>&,
                                 double slot_bytes, const std::set<Name>& scratchpads);

/// Time of all of them on one core: on the vector unit, and on the busiest of the others.
struct ContractionTime {
    machine::Interval vector_ns{0, 0, 0}, beside_ns{0, 0, 0};
};
ContractionTime time_of(const machine::Machine&, const std::vector<ShapeUse>&);

}  // namespace smeaton::cost
