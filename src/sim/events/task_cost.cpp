#include "sim/events/task_cost.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "cost/scalar_cost.h"
#include "cost/work.h"
#include "gir/layout.h"
#include "gir/ledger/traffic.h"
#include "gir/names.h"
#include "gir/walk.h"
#include "machine/query.h"

namespace smeaton::sim::events {

using gir::Op;
using gir::OpKind;
using gir::Slice;
using machine::OpClass;
using tensor::DType;

Places::Places(const gir::Program& program, const gir::Block& body, const Chip& chip)
    : program_(program), chip_(chip) {
    gir::for_each_stmt(body, [&](const gir::Stmt& s) {
        if (auto* let = std::get_if<gir::Let>(&s.node)) tiles_[let->tile.name] = let->tile;
    });
}

const gir::Tile* Places::tile(Name name) const {
    auto found = tiles_.find(name);
    return found == tiles_.end() ? nullptr : &found->second;
}

int Places::level(Name name) const {
    const gir::Tile* t = tile(name);
    return chip_.level(t ? t->level : program_.buffer(name).level);
}

DType Places::dtype(Name name) const {
    const gir::Tile* t = tile(name);
    return t ? t->dtype : program_.buffer(name).dtype;
}

bool Places::consecutive(const Slice& s, Name dim) const {
    int innermost;
    if (const gir::Tile* t = tile(s.target)) {
        bool in_registers = level(s.target) == chip_.registers();
        innermost = in_registers ? t->lanes : gir::dim_along(*t);
    } else {
        innermost = gir::dim_along(program_.buffer(s.target));
    }
    if (innermost < 0) return false;
    for (size_t d = 0; d < s.at.size(); ++d) {
        if (s.at[d].index && gir::walks(*s.at[d].index, dim)) return false;
        int64_t step = s.at[d].affine.coefficient(dim);
        if (step != (static_cast<int>(d) == innermost ? 1 : 0)) return false;
    }
    return true;
}

namespace {

double extent_of(const gir::NamedDim& d) {
    return static_cast<double>(d.extent.value());
}

/// Product of extents of the dims that `keep` wants.
template <class Keep>
double points(const Op& op, Keep&& keep) {
    double p = 1;
    for (const gir::NamedDim& d : op.dims)
        if (keep(d.name)) p *= extent_of(d);
    return p;
}

bool has_slice_source(const Op& op) {
    return !op.srcs.empty() && std::holds_alternative<Slice>(op.srcs[0]);
}

}  // namespace

/// An op's iterations as its spelling groups them into vectors.
struct TaskCosts::Counted {
    Name lanes;
    double width = 1;
    bool lanes_reduced = false;

    explicit Counted(const Op& op) {
        SMEATON_CHECK(op.spelling, "an op without a spelling: the program was not spelled");
        lanes = op.spelling->lanes;
        width = lanes.empty() ? 1 : static_cast<double>(op.spelling->width);
        lanes_reduced = !lanes.empty() && !gir::walks(op.dst, lanes);
    }
    /// Vectors (without lanes: elements) over the dims that `keep` wants.
    template <class Keep>
    double vectors(const Op& op, Keep&& keep) const {
        double p = 1;
        for (const gir::NamedDim& d : op.dims)
            if (keep(d.name)) p *= d.name == lanes ? std::ceil(extent_of(d) / width) : extent_of(d);
        return p;
    }
    double vectors(const Op& op) const {
        return vectors(op, [](Name) { return true; });
    }
};

TaskCosts::TaskCosts(const Chip& chip, const Places& places, const gir::Block& body, bool overlap)
    : chip_(chip),
      places_(places),
      vector_(machine::main_vector_unit(chip.machine())),
      overlap_(overlap) {
    if (!vector_)
        throw UserError("machine {} has no vector unit; add one to its 'units' (docs/machine.md)",
                        chip.machine().name);
    shapes_ = cost::shapes_of(chip.machine(), *vector_);
    functions_ = cost::functions_of(*vector_);
    in_flight_ = machine::fma_latency_times_rate(chip.machine(), *vector_);
    if (overlap) return;
    gir::for_each_op(body, [&](const Op& op) {
        const cost::ShapeRow* row = array_for(op);
        if (row && row->kind != machine::UnitKind::Vector)
            array_ = chip.unit_engine(row->shape.unit.str());
    });
}

/// Without overlap all that a kernel without products on an array does goes one after another on
/// the vector unit; in one with them that unit and the array take turns.
TaskCost TaskCosts::in_turns(TaskCost cost) const {
    const int vector = chip_.unit_engine(vector_->name);
    if (overlap_ || cost.engine == array_ || (array_ >= 0 && cost.engine != vector)) return cost;
    cost.engine = array_ >= 0 ? array_ : vector;
    cost.in_turn = true;
    return cost;
}

TaskCost TaskCosts::of(const Op& op) const {
    return in_turns(unordered(op));
}

TaskCost TaskCosts::unordered(const Op& op) const {
    if (op.kind == OpKind::Fill || (op.kind == OpKind::Move && has_slice_source(op))) {
        Counted counted(op);
        if (op.spelling->across.empty() && access_ns(op, counted) == 0) return moved(op);
    }
    if (const cost::ShapeRow* row = array_for(op)) return contracted(op, *row);
    return computed(op);
}

double TaskCosts::bytes_of(const Op& op, const Slice& s) const {
    return points(op, [&](Name d) { return gir::walks(s, d); }) *
           tensor::bits(places_.dtype(s.target)) / 8.0;
}

double TaskCosts::level_latency_ns(const TaskCost& cost) const {
    double latency = 0;
    for (const Flow& flow : cost.flows)
        if (!flow.write && chip_.at(flow.level).latency_ns)
            latency = std::max(latency, chip_.at(flow.level).latency_ns->value);
    return latency;
}

/// Bytes alone: what moves them into the inner level, or out of it.
TaskCost TaskCosts::moved(const Op& op) const {
    TaskCost cost;
    int to = places_.level(op.dst.target);
    cost.engine = chip_.into(to);
    if (op.kind == OpKind::Move) {
        int from = places_.level(std::get<Slice>(op.srcs[0]).target);
        if (chip_.inwards(from, to))
            cost.engine = chip_.out_of(from);
        else if (!chip_.inwards(to, from))
            cost.engine = chip_.unit_engine(vector_->name);  // by way of the registers
    }
    add_accesses(op, cost);
    cost.latency_ps = ps_from_ns(level_latency_ns(cost));
    return cost;
}

TaskCost TaskCosts::of_copy(const gir::Let& let, double part) const {
    Op op;
    op.kind = OpKind::Move;
    op.dims = let.tile.dims;
    op.dst.target = let.tile.name;
    for (const gir::NamedDim& d : let.tile.dims) op.dst.at.emplace_back(d.name);
    op.srcs.emplace_back(*let.source);
    TaskCost cost = moved(op);
    for (Flow& flow : cost.flows) flow.bytes *= part;
    return in_turns(std::move(cost));
}

/// Every slice at its level, with the ports towards whoever asks.
void TaskCosts::add_accesses(const Op& op, TaskCost& cost) const {
    const bool moves = op.kind == OpKind::Move && has_slice_source(op);
    // What a sparse array multiplies comes without its zeros.
    const int into = places_.level(op.dst.target);
    const double kept =
        moves && places_.tile(op.dst.target)
            ? machine::stored_share(chip_.machine(), chip_.at(into), places_.dtype(op.dst.target))
            : 1;
    if (moves) {
        const Slice& source = std::get<Slice>(op.srcs[0]);
        int from = places_.level(source.target), to = into;
        if (chip_.inwards(from, to) || chip_.inwards(to, from)) {
            // The ports between carry what is read; a broadcast is made where it arrives.
            cost.flows.push_back(chip_.access(from, false, bytes_of(op, source) * kept, to));
            cost.flows.push_back(chip_.access(to, true, bytes_of(op, op.dst) * kept, to));
            // What moves the bytes has to read where they lie.
            for (const Slice* moved : {&source, &op.dst})
                gir::visit_with_indices(*moved, false, [&](const Slice& s, bool) {
                    if (&s == moved) return;
                    cost.flows.push_back(
                        chip_.access(places_.level(s.target), false, bytes_of(op, s), to));
                });
            return;
        }
    }
    gir::for_each_slice(op, [&](const Slice& s, bool write) {
        cost.flows.push_back(chip_.access(places_.level(s.target), write, bytes_of(op, s) * kept,
                                          chip_.registers()));
    });
}

/// The fastest row that takes the operands, where it is more than multiply-adds of vectors.
const cost::ShapeRow* TaskCosts::array_for(const Op& op) const {
    if (op.kind != OpKind::Mma || !has_slice_source(op) ||
        !std::holds_alternative<Slice>(op.srcs[1]))
        return nullptr;
    DType sum = places_.dtype(op.dst.target);
    DType a = places_.dtype(std::get<Slice>(op.srcs[0]).target);
    DType b = places_.dtype(std::get<Slice>(op.srcs[1]).target);
    const Slice &left = std::get<Slice>(op.srcs[0]), &right = std::get<Slice>(op.srcs[1]);
    bool batches = std::any_of(op.dims.begin(), op.dims.end(), [&](const gir::NamedDim& d) {
        return gir::walks(op.dst, d.name) && gir::walks(left, d.name) && gir::walks(right, d.name);
    });
    for (auto [x, y] : {std::pair{a, b}, std::pair{sum, sum}})
        for (const cost::ShapeRow& row : shapes_) {
            if (row.shape.a != x || row.shape.b != y || row.shape.acc != sum) continue;
            bool vector = row.kind == machine::UnitKind::Vector;
            if (vector && row.shape.rows == 1 && row.shape.group == 1) return nullptr;
            const gir::Tile* sums = places_.tile(op.dst.target);
            // One sum alone may lie in a register for want of a better place.
            const bool several =
                sums && std::any_of(sums->dims.begin(), sums->dims.end(),
                                    [](const gir::NamedDim& d) { return !d.extent.is(1); });
            const bool in_registers = places_.level(op.dst.target) == chip_.registers();
            if (!row.sums_in_registers && in_registers && several) continue;
            if (!vector || !batches) return &row;
        }
    return nullptr;
}

TaskCost TaskCosts::contracted(const Op& op, const cost::ShapeRow& row) const {
    using machine::Dataflow;
    using machine::OperandRole;
    const Slice &a = std::get<Slice>(op.srcs[0]), &b = std::get<Slice>(op.srcs[1]);
    double batch = 1, m = 1, n = 1, k = 1;
    for (const gir::NamedDim& d : op.dims) {
        bool in_sum = gir::walks(op.dst, d.name), in_a = gir::walks(a, d.name);
        double& extent = !in_sum ? k : !in_a ? n : gir::walks(b, d.name) ? batch : m;
        extent *= extent_of(d);
    }
    const gir::MmaShape& s = row.shape;
    auto tiles = [](double extent, int64_t of) {
        return std::ceil(extent / static_cast<double>(of));
    };
    double m_tiles = tiles(m, s.rows), n_tiles = tiles(n, s.columns),
           k_tiles = tiles(std::ceil(k * row.kept), s.group);
    const machine::Unit* unit = nullptr;
    for (const machine::Unit& u : chip_.machine().units)
        if (Name(u.name) == s.unit) unit = &u;
    SMEATON_CHECK(unit, "a shape of no unit");
    double elements = static_cast<double>(s.rows * s.columns * s.group);
    double waiting = std::max(1.0, s.latency_cycles * s.per_cycle / (batch * m_tiles * n_tiles));
    double ns =
        batch * m_tiles * n_tiles * k_tiles * waiting * elements / row.gops.value * row.left.value +
        batch * s.fill_cycles / machine::clock_of(chip_.machine(), *unit).value;

    TaskCost cost;
    cost.engine = chip_.unit_engine(unit->name);
    cost.busy_ps = ps_from_ns(ns);
    bool array = row.dataflow.has_value();
    double again_a = array && row.dataflow != Dataflow::InputStationary ? n_tiles : 1;
    double again_b = array && row.dataflow != Dataflow::WeightStationary ? m_tiles : 1;
    double again_sum = array && row.dataflow != Dataflow::OutputStationary ? k_tiles : 1;
    auto access = [&](const Slice& of, OperandRole role, bool write, double times) {
        cost.flows.push_back(chip_.access(places_.level(of.target), write, bytes_of(op, of) * times,
                                          chip_.level_for(role)));
    };
    access(a, OperandRole::A, false, again_a);
    access(b, OperandRole::B, false, again_b * row.stored);
    if (places_.level(op.dst.target) != chip_.level(s.acc_in) || s.acc_in.empty()) {
        access(op.dst, OperandRole::Acc, false, again_sum);
        access(op.dst, OperandRole::Acc, true, again_sum);
    }
    cost.latency_ps = ps_from_ns(level_latency_ns(cost));
    return cost;
}

double TaskCosts::instructions_ns(OpClass op, DType dtype, double count) const {
    double elements = vector_->vector_bits->value / std::max(32, tensor::bits(dtype));
    return count * elements / cost::class_rate_gops(chip_.machine(), *vector_, op, dtype).value;
}

double TaskCosts::arithmetic_ns(const Op& op, const Counted& counted) const {
    std::vector<DType> sources;
    for (const gir::Operand& s : op.srcs)
        if (auto* slice = std::get_if<Slice>(&s)) sources.push_back(places_.dtype(slice->target));
    DType t = places_.dtype(op.dst.target);
    bool by_operand =
        op.kind == OpKind::Mma || gir::gives_bool(op.fn) || op.fn == gir::ScalarFn::cast;
    if (by_operand && !sources.empty()) t = sources.front();
    double ns = 0;
    auto charge = [&](const cost::Instructions& i, double times) {
        double registers = tensor::bits(i.dtype) == 64 && !counted.lanes.empty() ? 2 : 1;
        ns += instructions_ns(i.op, i.dtype, i.count * times * registers);
    };
    auto across_lanes = [&](gir::ScalarFn fn) {
        if (!counted.lanes_reduced) return;
        double results = counted.vectors(op, [&](Name d) { return gir::walks(op.dst, d); });
        double steps = std::log2(counted.width);
        charge({OpClass::Shuffle, DType::kF32, steps}, results);
        for (const cost::Instructions& i : cost::instructions(fn, t)) charge(i, results * steps);
    };
    const double vectors = counted.vectors(op);
    switch (op.kind) {
        case OpKind::Move:
        case OpKind::Fill:
            break;
        case OpKind::Iota:
            charge({OpClass::Add, DType::kI32, 1}, vectors);
            break;
        case OpKind::Mma: {
            for (const cost::Instructions& i : cost::multiply_add(t)) charge(i, vectors);
            const auto& unrolled = op.spelling->unrolled;
            double sums = counted.vectors(op, [&](Name d) {
                return gir::walks(op.dst, d) &&
                       std::find(unrolled.begin(), unrolled.end(), d) != unrolled.end();
            });
            sums *= static_cast<double>(op.spelling->turn * op.spelling->sums);
            ns += instructions_ns(OpClass::FmaLoad, DType::kF32,
                                  vectors * (std::max(1.0, in_flight_ / sums) - 1));
            across_lanes(gir::ScalarFn::add);
            break;
        }
        case OpKind::Select:
            charge({OpClass::Select, tensor::is_float(t) ? t : DType::kI32, 1}, vectors);
            break;
        case OpKind::Sort: {
            double n = 2;
            for (const gir::NamedDim& d : op.dims)
                if (d.name == op.along) n = std::max(2.0, extent_of(d));
            double steps = std::ceil(std::log2(n));
            charge({OpClass::Compare, DType::kF32, steps}, vectors);
            charge({OpClass::Select, DType::kF32, steps}, vectors);
            break;
        }
        default:
            for (const cost::Instructions& i : cost::instructions(op.fn, t, functions_))
                charge(i, vectors);
            if (op.kind == OpKind::Reduce) across_lanes(op.fn);
    }
    return ns;
}

/// What loads and stores cost the vector unit: elements out of line, narrow ones to widen.
double TaskCosts::access_ns(const Op& op, const Counted& counted) const {
    double ns = 0;
    const bool reloads =
        op.kind == OpKind::Mma && places_.level(op.dst.target) != chip_.registers();
    auto apart_ns = [&](OpClass op_class, double elements) {
        return elements <= 0 ? 0
                             : elements / cost::class_rate_gops(chip_.machine(), *vector_, op_class,
                                                                DType::kF32)
                                              .value;
    };
    auto access = [&](const Slice& s, bool reload, bool write) {
        if (counted.lanes.empty() || !gir::walks(s, counted.lanes)) return;
        auto used = [&](Name d) { return reload || gir::walks(s, d); };
        if (!places_.consecutive(s, counted.lanes)) {
            const cost::ApartElements row = cost::apart_elements(op, s, write);
            const double rows = points(op, used) / (row.gathered + row.strided + row.inserted);
            ns += apart_ns(OpClass::Gather, rows * (row.gathered + row.strided)) +
                  apart_ns(OpClass::Insert, rows * row.inserted);
        } else if (op.kind != OpKind::Fill && tensor::bits(places_.dtype(s.target)) < 32) {
            ns += instructions_ns(OpClass::Convert, DType::kF32, counted.vectors(op, used));
        }
    };
    gir::for_each_slice(op, [&](const Slice& s, bool write) {
        if (places_.level(s.target) == chip_.registers()) return;
        access(s, reloads && !write, write);
        if (write && (op.accumulate || op.kind == OpKind::Scatter)) access(s, false, false);
    });
    return ns;
}

TaskCost TaskCosts::computed(const Op& op) const {
    TaskCost cost;
    cost.engine = chip_.unit_engine(vector_->name);
    Counted counted(op);
    double ns;
    if (op.spelling->across.empty()) {
        ns = arithmetic_ns(op, counted) + access_ns(op, counted);
    } else {
        // Blocks of width x width are turned in log2 steps of shuffles.
        double blocks = points(op, [](Name) { return true; }) / (counted.width * counted.width);
        ns = instructions_ns(OpClass::Shuffle, DType::kF32,
                             blocks * counted.width * std::log2(counted.width));
    }
    cost.busy_ps = ps_from_ns(ns);
    add_accesses(op, cost);
    double pipeline_cycles = 0;
    for (const machine::Rate& rate : vector_->rates)
        if (rate.op == OpClass::Add && rate.latency_cycles)
            pipeline_cycles = std::max(pipeline_cycles, rate.latency_cycles->value);
    double pipeline_ns =
        ns > 0 ? pipeline_cycles / machine::clock_of(chip_.machine(), *vector_).value : 0;
    cost.latency_ps = ps_from_ns(level_latency_ns(cost) + pipeline_ns);
    return cost;
}

}  // namespace smeaton::sim::events
