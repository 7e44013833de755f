#include "cost/contraction.h"

#include <algorithm>
#include <cmath>

#include "gir/names.h"
#include "machine/query.h"

namespace smeaton::cost {
namespace {

using gir::Op;
using gir::OpKind;
using gir::Slice;
using machine::Interval;
using tensor::DType;

/// Extents of one op by what they are to the product.
struct Extents {
    double batch = 1, m = 1, n = 1, k = 1;
};

Extents extents_of(const Op& op, const Slice& a, const Slice& b) {
    Extents e;
    for (const gir::NamedDim& d : op.dims) {
        bool in_dst = gir::walks(op.dst, d.name), in_a = gir::walks(a, d.name),
             in_b = gir::walks(b, d.name);
        auto extent = static_cast<double>(d.extent.value());
        (!in_dst ? e.k : in_a && in_b ? e.batch : in_b ? e.n : e.m) *= extent;
    }
    return e;
}

bool plain_vector(const ShapeRow& row) {
    return row.kind == machine::UnitKind::Vector && row.shape.rows == 1 && row.shape.group == 1;
}

class Taker {
public:
    Taker(const Nest& nest, const std::vector<ShapeRow>& table, double slot_bytes,
          const std::set<Name>& scratchpads)
        : nest_(nest), table_(table), slot_bytes_(slot_bytes), scratchpads_(scratchpads) {}

    ContractionWork take() {
        visit(nest_.root, 1);
        return taken_work();
    }
    ContractionWork take(const Op& op) {
        if (taken(op, 1)) work_.ops.insert(&op);
        return taken_work();
    }

private:
    ContractionWork taken_work() {
        std::erase_if(work_.uses, [](const ShapeUse& u) { return u.shapes == 0; });
        return std::move(work_);
    }

    void visit(const Node& node, double runs) {
        if (node.is_loop) runs *= node.loop.trips;
        for (const Node& child : node.children)
            if (!child.op)
                visit(child, runs);
            else if (taken(*child.op, runs))
                work_.ops.insert(child.op);
    }

    /// Counts the op and says so, unless it is none for a row of the table.
    bool taken(const Op& op, double runs) {
        if (op.kind != OpKind::Mma) return false;
        auto* a = std::get_if<Slice>(&op.srcs.at(0));
        auto* b = std::get_if<Slice>(&op.srcs.at(1));
        if (!a || !b) return false;
        if (work_.uses.empty())
            for (const ShapeRow& row : table_) work_.uses.push_back({row, 0, 0, 0});
        DType acc = dtype_of(nest_, op.dst.target);
        return taken(op, *a, *b, dtype_of(nest_, a->target), dtype_of(nest_, b->target), runs) ||
               taken(op, *a, *b, acc, acc, runs);
    }

    bool taken(const Op& op, const Slice& a, const Slice& b, DType as_a, DType as_b, double runs) {
        Extents e = extents_of(op, a, b);
        for (ShapeUse& use : work_.uses) {
            const gir::MmaShape& s = use.row.shape;
            if (s.a != as_a || s.b != as_b || s.acc != dtype_of(nest_, op.dst.target)) continue;
            if (plain_vector(use.row)) return false;
            if (kept_by_vectors(op, use.row)) continue;
            if (use.row.kind == machine::UnitKind::Vector && e.batch > 1) continue;
            count(use, e, runs);
            traffic(use.row, op, a, b, e, runs);
            return true;
        }
        return false;
    }

    bool kept_by_vectors(const Op& op, const ShapeRow& row) const {
        auto tile = nest_.tiles.find(op.dst.target);
        // One sum alone may lie in a register for want of a better place.
        return !row.sums_in_registers && tile != nest_.tiles.end() && in_registers(tile->second) &&
               holds_several(tile->second);
    }

    static bool holds_several(const gir::Tile& tile) {
        return std::any_of(tile.dims.begin(), tile.dims.end(),
                           [](const gir::NamedDim& d) { return !d.extent.is(1); });
    }

    void count(ShapeUse& use, const Extents& e, double runs) {
        const gir::MmaShape& s = use.row.shape;
        double sums = e.batch * std::ceil(e.m / static_cast<double>(s.rows)) *
                      std::ceil(e.n / static_cast<double>(s.columns));
        double steps = std::ceil(std::ceil(e.k * use.row.kept) / static_cast<double>(s.group));
        double waiting = std::max(1.0, s.latency_cycles * s.per_cycle / sums);
        use.shapes += runs * sums * steps * waiting;
        use.passes += runs * e.batch;
        use.macs += runs * e.batch * e.m * e.n * std::ceil(e.k * use.row.kept);
    }

    void traffic(const ShapeRow& row, const Op& op, const Slice& a, const Slice& b,
                 const Extents& e, double runs) {
        using machine::Dataflow;
        const gir::MmaShape& s = row.shape;
        auto tiles = [&](bool again, double extent, int64_t of) {
            return again ? std::ceil(extent / static_cast<double>(of)) : 1;
        };
        auto stays = [&](Dataflow flow) { return row.dataflow == flow; };
        double column_tiles =
            tiles(row.dataflow && !stays(Dataflow::InputStationary), e.n, s.columns);
        double row_tiles = tiles(row.dataflow && !stays(Dataflow::WeightStationary), e.m, s.rows);
        double sum_passes = tiles(row.dataflow && !stays(Dataflow::OutputStationary),
                                  std::ceil(e.k * row.kept), s.group);
        auto element = [&](const Slice& of) {
            return tensor::bits(dtype_of(nest_, of.target)) / 8.0;
        };
        using machine::OperandRole;
        read(OperandRole::A, a.target, runs * e.batch * e.m * e.k * column_tiles * element(a));
        read(OperandRole::B, b.target,
             runs * e.batch * e.k * e.n * row_tiles * element(b) * row.stored);
        Name level = level_of(op.dst.target);
        if (level == s.acc_in) return;
        double sums = runs * e.batch * e.m * e.n * sum_passes * element(op.dst);
        read(OperandRole::Acc, op.dst.target, sums);
        if (level.empty()) return;
        work_.asked_write_bytes[level] += sums;
        work_.accesses.push_back({OperandRole::Acc, level, true, sums});
    }

    void read(machine::OperandRole role, Name target, double bytes) {
        Name level = level_of(target);
        if (level.empty()) return;
        work_.asked_read_bytes[level] += bytes;
        work_.accesses.push_back({role, level, false, bytes});
        if (scratchpads_.count(level) == 0) work_.loads += std::ceil(bytes / slot_bytes_);
    }

    /// Empty: in registers.
    Name level_of(Name target) const {
        auto tile = nest_.tiles.find(target);
        if (tile != nest_.tiles.end())
            return in_registers(tile->second) ? Name() : tile->second.level;
        const Array* array = array_named(nest_, target);
        return array ? array->level : Name();
    }

    const Nest& nest_;
    const std::vector<ShapeRow>& table_;
    double slot_bytes_;
    const std::set<Name>& scratchpads_;
    ContractionWork work_;
};

}  // namespace

ContractionWork take_contractions(const Nest& nest, const std::vector<ShapeRow>& table,
                                  double slot_bytes, const std::set<Name>& scratchpads) {
    return Taker(nest, table, slot_bytes, scratchpads).take();
}

ContractionWork take_contraction(const Nest& nest, const Op& op, const std::vector<ShapeRow>& table,
                                 double slot_bytes, const std::set<Name>& scratchpads) {
    return Taker(nest, table, slot_bytes, scratchpads).take(op);
}

ContractionTime time_of(const machine::Machine& m, const std::vector<ShapeUse>& uses) {
    ContractionTime time;
    std::map<Name, Interval> by_unit;
    for (const ShapeUse& use : uses) {
        const gir::MmaShape& s = use.row.shape;
        auto elements = static_cast<double>(s.rows * s.columns * s.group);
        Interval ns = Interval::exact(use.shapes * elements) * use.row.left / use.row.gops;
        if (s.fill_cycles > 0) {
            for (const machine::Unit& unit : m.units)
                if (unit.name == s.unit.str())
                    ns = ns + Interval::exact(use.passes * s.fill_cycles) / clock_of(m, unit);
        }
        if (use.row.kind == machine::UnitKind::Vector) {
            time.vector_ns = time.vector_ns + ns;
        } else {
            Interval& sum = by_unit.try_emplace(s.unit, Interval{0, 0, 0}).first->second;
            sum = sum + ns;
            time.beside_ns = machine::max(time.beside_ns, sum);
        }
    }
    return time;
}

}  // namespace smeaton::cost
