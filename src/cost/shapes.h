// The table of contraction shapes of a machine: what each unit takes at once, and how fast.
#pragma once

#include <optional>
#include <vector>

#include "gir/target.h"
#include "machine/machine.h"

namespace smeaton::cost {

struct ShapeRow {
    gir::MmaShape shape;
    machine::UnitKind kind = machine::UnitKind::Vector;
    machine::Interval gops;                     ///< multiply-adds, 1e9 per second, of one unit
    std::optional<machine::Dataflow> dataflow;  ///< of an array
    bool sums_in_registers = true;  ///< false: of an array; sums there are the vector unit's
    double kept = 1;    ///< of the contracted dim's elements, those that a sparse array multiplies
    double stored = 1;  ///< bytes of the second operand over those of all its elements
    machine::Interval left{1, 1, 1};  ///< share of the time where zeros are skipped
};

/// Fastest first. Rows of `vector`, the vector unit that is at work: multiply-adds of one element
/// per lane for each of f32, f64, i32, i64 that it is rated for (integers: a product and a sum),
/// and the unit's own `shapes`; of a systolic unit of R x C, one row for each dtype whose `fma` is
/// rated, with a fill of R + C - 2 cycles: weights stay 1 x C x R, sums stay R x C x 1, inputs stay
/// C x 1 x R; of a matrix unit its `shapes`. Speeds in the Target are rounded to the whole numbers
/// that they are in silicon.
std::vector<ShapeRow> shapes_of(const machine::Machine&, const machine::Unit& vector);

/// x rounded to a whole number, or to one over a whole number where it is below 1.
double in_silicon(double x);

}  // namespace smeaton::cost
