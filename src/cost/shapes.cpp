#include "cost/shapes.h"

#include <algorithm>
#include <cmath>

#include "cost/scalar_cost.h"
#include "machine/query.h"

namespace smeaton::cost {
namespace {

using machine::Interval;
using machine::Machine;
using machine::OpClass;
using machine::Unit;
using tensor::DType;

bool rated(const Unit& unit, OpClass op, DType t) {
    return std::any_of(unit.rates.begin(), unit.rates.end(), [&](const machine::Rate& r) {
        return r.op == op && tensor::is_float(r.dtype) == tensor::is_float(t) &&
               tensor::bits(r.dtype) >= 32;
    });
}

DType sum_of(DType t) {
    if (tensor::is_float(t)) return t == DType::kF64 ? t : DType::kF32;
    return tensor::bits(t) == 64 ? DType::kI64 : DType::kI32;
}

double shape_elements(const gir::MmaShape& s) {
    return static_cast<double>(s.rows * s.columns * s.group);
}

/// Fills in the speed that tiles are chosen by.
ShapeRow row_of(const Machine& m, const Unit& unit, gir::MmaShape shape, Interval gops) {
    shape.unit = unit.name;
    shape.per_cycle = in_silicon(gops.value / clock_of(m, unit).value / shape_elements(shape));
    return {shape, unit.kind, gops, std::nullopt};
}

void add_vector_rows(const Machine& m, const Unit& unit, std::vector<ShapeRow>& rows) {
    double in_flight = machine::fma_latency_times_rate(m, unit);
    for (DType t : {DType::kF32, DType::kF64, DType::kI32, DType::kI64}) {
        bool can = rated(unit, OpClass::Fma, t) ||
                   (rated(unit, OpClass::Mul, t) && rated(unit, OpClass::Add, t));
        if (!can) continue;
        gir::MmaShape shape;
        shape.a = shape.b = shape.acc = t;
        shape.columns = machine::lanes_of(unit, t);
        shape.acc_in = m.levels.front().name;
        ShapeRow row = row_of(m, unit, shape, class_rate_gops(m, unit, OpClass::Fma, t));
        row.shape.latency_cycles = std::max(1.0, in_flight / std::max(1.0, row.shape.per_cycle));
        rows.push_back(row);
    }
}

void add_given_rows(const Machine& m, const Unit& unit, std::vector<ShapeRow>& rows) {
    for (const machine::ContractionShape& s : unit.shapes) {
        gir::MmaShape shape;
        shape.a = s.a;
        shape.b = s.b;
        shape.acc = s.acc;
        shape.rows = s.rows;
        shape.columns = s.columns;
        shape.group = s.group;
        shape.a_from = s.a_from;
        shape.b_from = s.b_from;
        shape.acc_in = s.acc_in;
        if (s.latency_cycles) shape.latency_cycles = in_silicon(s.latency_cycles->value);
        Interval gops = s.gops_per_s
                            ? s.gops_per_s->interval()
                            : s.per_cycle->interval() * clock_of(m, unit) * shape_elements(shape);
        rows.push_back(row_of(m, unit, shape, gops));
    }
}

/// What an array takes in one cycle.
void set_extents(const Unit& unit, machine::Dataflow flow, gir::MmaShape& shape) {
    auto rows = static_cast<int64_t>(unit.rows->value);
    auto columns = static_cast<int64_t>(unit.columns->value);
    switch (flow) {
        case machine::Dataflow::WeightStationary:
            shape.columns = columns;
            shape.group = rows;
            shape.holds_b = true;
            return;
        case machine::Dataflow::OutputStationary:
            shape.rows = rows;
            shape.columns = columns;
            return;
        case machine::Dataflow::InputStationary:
            shape.rows = columns;
            shape.group = rows;
            return;
    }
}

void add_array_rows(const Machine& m, const Unit& unit, std::vector<ShapeRow>& rows) {
    const machine::Dataflow flow = unit.dataflow.value_or(machine::Dataflow::WeightStationary);
    for (const machine::Rate& rate : unit.rates) {
        if (rate.op != OpClass::Fma) continue;
        gir::MmaShape shape;
        shape.a = shape.b = rate.dtype;
        shape.acc = sum_of(rate.dtype);
        set_extents(unit, flow, shape);
        shape.fill_cycles = unit.columns->value + unit.rows->value - 2;
        rows.push_back(
            row_of(m, unit, shape, *machine::rate_gops(m, unit, OpClass::Fma, rate.dtype)));
        rows.back().dataflow = flow;
        const std::vector<machine::OperandRole>& in_registers = m.levels.front().roles;
        rows.back().sums_in_registers =
            in_registers.empty() || std::find(in_registers.begin(), in_registers.end(),
                                              machine::OperandRole::Acc) != in_registers.end();
        if (unit.sparse_n) rows.back().kept = unit.sparse_n->value / unit.sparse_m->value;
        rows.back().stored = machine::stored_share(unit, rate.dtype);
        if (unit.nonzero_share) rows.back().left = unit.nonzero_share->interval();
    }
}

}  // namespace

double in_silicon(double x) {
    return x >= 1 ? std::round(x) : 1 / std::round(1 / x);
}

std::vector<ShapeRow> shapes_of(const Machine& m, const Unit& vector) {
    std::vector<ShapeRow> rows;
    for (const Unit& unit : m.units) {
        if (&unit == &vector) add_vector_rows(m, unit, rows);
        if (&unit == &vector || unit.kind == machine::UnitKind::Matrix)
            add_given_rows(m, unit, rows);
        if (unit.kind == machine::UnitKind::Systolic) add_array_rows(m, unit, rows);
    }
    std::stable_sort(rows.begin(), rows.end(), [](const ShapeRow& a, const ShapeRow& b) {
        return a.gops.value > b.gops.value;
    });
    return rows;
}

}  // namespace smeaton::cost
