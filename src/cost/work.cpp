#include "cost/work.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "cost/split.h"
#include "gir/names.h"
#include "gir/text/print.h"
#include "gir/walk.h"
#include "machine/query.h"

namespace smeaton::cost {
namespace {

using gir::Op;
using gir::OpKind;
using gir::Slice;
using machine::OpClass;
using tensor::DType;

using gir::walks;

const gir::Tile* register_tile(const Nest& nest, const Slice& s) {
    auto tile = nest.tiles.find(s.target);
    return tile != nest.tiles.end() && in_registers(tile->second) ? &tile->second : nullptr;
}

/// Do consecutive values of the variable touch consecutive elements?
bool contiguous(const Nest& nest, const Slice& named, Name var) {
    Slice s = resolved(nest, named);
    if (const gir::Tile* tile = register_tile(nest, s)) {
        int lanes = tile->lanes;
        return lanes >= 0 && s.at[static_cast<size_t>(lanes)].affine.coefficient(var) == 1;
    }
    const Array* array = array_named(nest, s.target);
    if (!array || array->along < 0) return false;
    for (size_t d = 0; d < s.at.size(); ++d) {
        if (s.at[d].index && walks(*s.at[d].index, var)) return false;
        int64_t c = s.at[d].affine.coefficient(var);
        if (c != 0 && (static_cast<int>(d) != array->along || c != 1)) return false;
    }
    return walks(s, var);
}

class Counter {
public:
    Counter(const Nest& nest, const WorkShape& shape, const TakenOps& taken)
        : nest_(nest), shape_(shape), taken_(taken) {}

    Work count() {
        visit(nest_.root, 1);
        return std::move(work_);
    }
    Work count_one(const Op& o) {
        auto copy = nest_.copies.find(&o);
        if (copy != nest_.copies.end())
            transfer({o, 1}, copy->second);
        else
            op(o, 1);
        return std::move(work_);
    }

private:
    void visit(const Node& node, double runs) {
        if (node.op) {
            if (!taken_.contains(node.op)) op(*node.op, runs);
            return;
        }
        if (node.is_loop) {
            runs *= node.loop.trips;
            work_.loop_turns += runs;
            if (node.loop.trips <= 1) still_.insert(node.loop.var);
        }
        for (const Node& child : node.children) visit(child, runs);
    }

    /// One op, executed `runs` times.
    struct Frame {
        const Op& op;
        double runs;
        int lane = -1;       ///< dim, -1: scalars
        double vectors = 1;  ///< of the lane dim
        double width = 1;    ///< elements of a vector
        bool lane_reduced = false;
    };

    double extent(const Frame& f, size_t d) const {
        return static_cast<double>(f.op.dims[d].extent.value());
    }
    /// Product over dims that `keep` wants, the lane dim as its vectors.
    template <class Keep>
    double product(const Frame& f, Keep&& keep) const {
        double p = 1;
        for (size_t d = 0; d < f.op.dims.size(); ++d)
            if (keep(d)) p *= static_cast<int>(d) == f.lane ? f.vectors : extent(f, d);
        return p;
    }
    template <class Keep>
    double points(const Frame& f, Keep&& keep) const {
        double p = 1;
        for (size_t d = 0; d < f.op.dims.size(); ++d)
            if (keep(d)) p *= extent(f, d);
        return p;
    }

    DType compute_dtype(const Op& op) const {
        bool by_operand =
            op.kind == OpKind::Mma || gir::gives_bool(op.fn) || op.fn == gir::ScalarFn::cast;
        if (by_operand)
            for (const gir::Operand& s : op.srcs)
                if (auto* slice = std::get_if<Slice>(&s)) return dtype_of(nest_, slice->target);
        return dtype_of(nest_, op.dst.target);
    }

    static Frame frame_of(const Op& o, double runs) {
        Frame f{o, runs};
        if (!o.spelling || o.spelling->lanes.empty()) return f;
        f.width = static_cast<double>(o.spelling->width);
        for (size_t d = 0; d < o.dims.size(); ++d) {
            if (o.dims[d].name != o.spelling->lanes) continue;
            f.lane = static_cast<int>(d);
            f.vectors = std::ceil(static_cast<double>(o.dims[d].extent.value()) / f.width);
            f.lane_reduced = !walks(o.dst, o.dims[d].name);
        }
        return f;
    }

    void op(const Op& o, double runs) {
        if (auto copy = nest_.copies.find(&o); copy != nest_.copies.end()) {
            transfer({o, runs * copy->second.share}, copy->second);
            return;
        }
        Frame f = frame_of(o, runs);
        asked(f);
        SMEATON_CHECK(o.spelling, "{} has no spelling: the program was not spelled", gir::print(o));
        if (!o.spelling->across.empty()) {
            turning(f);
            return;
        }
        arithmetic(f);
        accesses(f, register_tile(nest_, o.dst) != nullptr);
        turns(f);
    }

    void asked(const Frame& f) {
        gir::for_each_slice(f.op, [&](const Slice& s, bool written) {
            count_asked(f, s, written ? work_.asked_write_bytes : work_.asked_read_bytes);
        });
    }

    /// The memory system moves it.
    void transfer(const Frame& f, const gir::cache::Copying& copy) {
        asked(f);
        const bool ahead = shape_.parted.count(copy.let.tile.level) > 0;
        if (!ahead) count_asked({f.op, f.runs * copy.waited}, *copy.let.source, work_.waited_bytes);
    }

    /// Square blocks of registers: each is loaded, turned by swaps in log2 steps, stored.
    void turning(const Frame& f) {
        double blocks = points(f, [](size_t) { return true; }) / (f.width * f.width);
        double swaps = f.width * std::log2(f.width);
        work_.vector_instructions[{OpClass::Shuffle, DType::kF32}] += f.runs * blocks * swaps;
        work_.loads += f.runs * blocks * f.width;
        work_.stores += f.runs * blocks * f.width;
        work_.loop_turns += f.runs * blocks;
    }

    void charge(const Frame& f, const Instructions& i, double count) {
        // 64-bit elements fill twice the registers; rates are in elements of their own dtype.
        double registers = tensor::bits(i.dtype) == 64 && f.lane >= 0 ? 2 : 1;
        auto& table = f.lane >= 0 ? work_.vector_instructions : work_.scalar_instructions;
        table[{i.op, i.dtype}] += f.runs * i.count * count * registers;
    }

    void arithmetic(const Frame& f) {
        const Op& o = f.op;
        DType t = compute_dtype(o);
        auto all = [](size_t) { return true; };
        double vectors = product(f, all);
        switch (o.kind) {
            case OpKind::Move:
            case OpKind::Fill:
                return;
            case OpKind::Iota:
                charge(f, {OpClass::Add, DType::kI32, 1}, vectors);
                return;
            case OpKind::Mma:
                for (const Instructions& i : multiply_add(t)) charge(f, i, vectors);
                stall(f, vectors);
                across_lanes(f, gir::ScalarFn::add, t);
                break;
            case OpKind::Select:
                charge(f, {OpClass::Select, tensor::is_float(t) ? t : DType::kI32, 1}, vectors);
                break;
            case OpKind::Sort: {
                double n = 2;
                for (const gir::NamedDim& d : o.dims)
                    if (d.name == o.along)
                        n = std::max<double>(2, static_cast<double>(d.extent.value()));
                double comparisons = std::ceil(std::log2(n));
                charge(f, {OpClass::Compare, DType::kF32, comparisons}, vectors);
                charge(f, {OpClass::Select, DType::kF32, comparisons}, vectors);
                break;
            }
            case OpKind::Unary:
            case OpKind::Binary:
            case OpKind::Reduce:
            case OpKind::Scatter:
                for (const Instructions& i : instructions(o.fn, t, shape_.functions))
                    charge(f, i, vectors);
                if (o.kind == OpKind::Reduce) across_lanes(f, o.fn, t);
                break;
        }
    }

    /// The results that are summed side by side bound how many multiply-adds are independent.
    void stall(const Frame& f, double vectors) {
        const gir::Spelling& s = *f.op.spelling;
        auto written_out = [&](Name n) {
            return std::find(s.unrolled.begin(), s.unrolled.end(), n) != s.unrolled.end();
        };
        double independent = static_cast<double>(s.turn * s.sums);
        independent *= product(f, [&](size_t d) {
            return written_out(f.op.dims[d].name) && walks(f.op.dst, f.op.dims[d].name);
        });
        double factor = std::max(1.0, shape_.fma_in_flight / independent);
        work_.fma_stall += f.runs * vectors * (factor - 1);
    }

    /// The lanes of each result are combined in log2 steps of a shuffle and the function.
    void across_lanes(const Frame& f, gir::ScalarFn fn, DType t) {
        if (!f.lane_reduced) return;
        double results = product(f, [&](size_t d) { return walks(f.op.dst, f.op.dims[d].name); });
        double steps = std::log2(f.width);
        charge(f, {OpClass::Shuffle, DType::kF32, steps}, results);
        for (const Instructions& i : instructions(fn, t)) charge(f, i, results * steps);
    }

    void accesses(const Frame& f, bool dst_in_registers) {
        const Op& o = f.op;
        // With the accumulator in registers each operand element is loaded once for all that use
        // it.
        bool reloads = o.kind == OpKind::Mma && !dst_in_registers;
        gir::for_each_slice(o, [&](const Slice& s, bool written) {
            if (register_tile(nest_, s)) return;
            access(f, s, written, reloads && !written);
            if (written && (o.accumulate || o.kind == OpKind::Scatter)) access(f, s, false, false);
        });
    }

    void access(const Frame& f, const Slice& s, bool written, bool reloads) {
        auto used = [&](size_t d) { return reloads || walks(s, f.op.dims[d].name); };
        bool along = f.lane >= 0 && walks(s, f.op.dims[static_cast<size_t>(f.lane)].name);
        double bits = tensor::bits(dtype_of(nest_, s.target));
        if (along && !contiguous(nest_, s, f.op.dims[static_cast<size_t>(f.lane)].name)) {
            apart(f, s, written, used);
            return;
        }
        double count = f.runs * product(f, used) * (along && bits == 64 ? 2 : 1);
        if (s.within && !bounded_along(f, *s.within))
            work_.tests += count;
        else if (s.within && loads_lanes())
            work_.masks += count;
        (written ? work_.stores : work_.loads) += count;
        if (along && loads_lanes())
            (written ? work_.split_stores : work_.split_loads) += count * split(f, s, bits);
        // A constant is made once, in the type that it is stored in.
        if (along && bits < 32 && f.op.kind != OpKind::Fill)
            charge(f, {OpClass::Convert, DType::kF32, 1}, count / f.runs);
    }

    /// Lanes that lie apart, as is spelled; those that nothing is said of one by one.
    template <class Used>
    void apart(const Frame& f, const Slice& s, bool written, Used&& used) {
        const double vectors = f.runs * product(f, used), rows = vectors / f.vectors;
        const ApartElements row = apart_elements(f.op, s, written);
        work_.inserted += rows * row.inserted;
        if (row.strided > 0) strided(f, rows * row.strided / f.width, row.strided_by);
        if (!loads_lanes()) {
            work_.gathered += rows * row.gathered;
            return;
        }
        work_.gathered += rows * std::ceil(row.gathered / f.width) * f.width;
        if (s.within) (bounded_along(f, *s.within) ? work_.masks : work_.tests) += vectors;
    }

    /// Vectors picked from all that lies between their lanes: a load of each part, which begins
    /// anywhere, and a shuffle for each but the first.
    void strided(const Frame& f, double vectors, double parts) {
        work_.loads += vectors * parts;
        if (loads_lanes())
            work_.split_loads +=
                vectors * parts * std::min(1.0, 4 * (f.width - 1) / shape_.line_bytes);
        charge(f, {OpClass::Shuffle, DType::kF32, 1}, vectors * (parts - 1) / f.runs);
    }

    /// A core behind a cache of lines gathers by a load for each lane, whether it counts or not,
    /// and makes masks in instructions of its own. Of other machines, and of those that do not tell
    /// what a line's end costs, neither is known.
    bool loads_lanes() const { return shape_.line_bytes > 0; }

    /// Share of the vectors that cross the end of a line; those of 64-bit elements are two each.
    double split(const Frame& f, const Slice& s, double bits) {
        std::set<Name> still = still_;
        for (const gir::NamedDim& d : f.op.dims)
            if (d.extent.value() == 1) still.insert(d.name);
        const Name lane = f.op.dims[static_cast<size_t>(f.lane)].name;
        return split_share(nest_, s, {lane, bits == 64 ? f.width / 2 : f.width, still},
                           shape_.line_bytes);
    }

    /// Lanes that lie outside are masked, at no branch.
    static bool bounded_along(const Frame& f, const gir::Within& within) {
        if (f.lane < 0) return false;
        return std::any_of(within.bounds.begin(), within.bounds.end(), [&](const gir::Bound& b) {
            return b.expr.uses(f.op.dims[static_cast<size_t>(f.lane)].name);
        });
    }

    void count_asked(const Frame& f, const Slice& s, std::map<Name, double>& bytes_of_level) const {
        auto used = [&](size_t d) { return walks(s, f.op.dims[d].name); };
        auto tile = nest_.tiles.find(s.target);
        const Array* array = array_named(nest_, s.target);
        if (tile == nest_.tiles.end() && !array) return;
        Name level = tile != nest_.tiles.end() ? tile->second.level : array->level;
        double bytes = f.runs * points(f, used) * tensor::bits(dtype_of(nest_, s.target)) / 8.0;
        bytes_of_level[level] += bytes * stored(f.op, s);
    }

    /// What is moved into a level that holds sparse operands is sparse on its way; indices, which
    /// have another type, are none.
    double stored(const Op& o, const Slice& s) const {
        auto tile = nest_.tiles.find(o.dst.target);
        if (!shape_.machine || o.kind != OpKind::Move || tile == nest_.tiles.end()) return 1;
        if (dtype_of(nest_, s.target) != tile->second.dtype) return 1;
        const machine::Level* level =
            machine::find_level(*shape_.machine, tile->second.level.str());
        return level ? machine::stored_share(*shape_.machine, *level, tile->second.dtype) : 1;
    }

    void turns(const Frame& f) {
        const gir::Spelling& s = *f.op.spelling;
        double turns = f.runs;
        for (Name n : s.loops) turns *= static_cast<double>(extent_of(f.op, n));
        bool written_out =
            std::find(s.unrolled.begin(), s.unrolled.end(), s.lanes) != s.unrolled.end();
        if (f.lane >= 0 && !written_out)
            turns *= std::ceil(f.vectors / static_cast<double>(s.turn * s.sums));
        else if (s.loops.empty())
            return;
        work_.loop_turns += turns;
    }

    static int64_t extent_of(const Op& op, Name dim) {
        for (const gir::NamedDim& d : op.dims)
            if (d.name == dim) return d.extent.value();
        SMEATON_CHECK(false, "{} loops over {}, which is no dim of it", gir::print(op), dim);
        return 0;
    }

    const Nest& nest_;
    const WorkShape& shape_;
    const TakenOps& taken_;
    std::set<Name> still_;  ///< loops of one turn
    Work work_;
};

}  // namespace

ApartElements apart_elements(const Op& op, const Slice& operand, bool written) {
    const gir::Spelling& spelling = *op.spelling;
    double all = 0, last = 0;  // that fill no vector
    for (const gir::NamedDim& d : op.dims) {
        if (d.name != spelling.lanes) continue;
        all = static_cast<double>(d.extent.value());
        last = static_cast<double>(d.extent.value() % spelling.width);
    }
    ApartElements row;
    if (!written) {
        for (const gir::Gathered& g : spelling.gathered)
            if (g.operand == operand.target) row.gathered = g.whole ? all - last : all;
        for (const gir::Strided& t : spelling.strided) {
            if (t.operand != operand.target) continue;
            row.strided = all - last;
            row.strided_by = static_cast<double>(t.by);
        }
    }
    row.inserted = all - row.gathered - row.strided;
    return row;
}

Work work_of(const Nest& nest, const WorkShape& shape, const TakenOps& taken) {
    return Counter(nest, shape, taken).count();
}

Work work_of(const Nest& nest, const Op& op, const WorkShape& shape) {
    const TakenOps none;
    return Counter(nest, shape, none).count_one(op);
}

}  // namespace smeaton::cost
