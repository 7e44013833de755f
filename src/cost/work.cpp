#include "cost/work.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "gir/walk.h"

namespace smeaton::cost {
namespace {

using gir::Op;
using gir::OpKind;
using gir::Slice;
using machine::OpClass;
using tensor::DType;

// Emitted loops over vectors take so many at a turn (src/emit/cpp/op.h).
constexpr double kVectorsPerTurn = 4;

bool uses(const Slice& s, Name var) {
    for (const gir::Coord& c : s.at) {
        if (c.affine.uses(var)) return true;
        if (c.index && uses(*c.index, var)) return true;
    }
    return false;
}

const gir::Tile* register_tile(const Nest& nest, const Slice& s) {
    auto tile = nest.tiles.find(s.target);
    return tile != nest.tiles.end() && in_registers(tile->second) ? &tile->second : nullptr;
}

/// The dim that walks along the lanes of a register tile, -1: none.
int along_lanes(const Nest& nest, const Op& op, const Slice& s) {
    const gir::Tile* tile = register_tile(nest, s);
    if (!tile || tile->lanes < 0) return -1;
    for (size_t d = 0; d < op.dims.size(); ++d)
        if (s.at[static_cast<size_t>(tile->lanes)].affine.coefficient(op.dims[d].name) == 1)
            return static_cast<int>(d);
    return -1;
}

const Array* array_named(const Nest& nest, Name name) {
    for (const Array& a : nest.arrays)
        if (a.name == name) return &a;
    return nullptr;
}

/// Do consecutive values of the variable touch consecutive elements?
bool contiguous(const Nest& nest, const Slice& named, Name var) {
    Slice s = resolved(nest, named);
    if (const gir::Tile* tile = register_tile(nest, s)) {
        int lanes = tile->lanes;
        return lanes >= 0 && s.at[static_cast<size_t>(lanes)].affine.coefficient(var) == 1;
    }
    const Array* array = array_named(nest, s.target);
    if (!array || array->layout.empty() || array->layout.back().div != 1) return false;
    int inner_dim = array->layout.back().dim;
    for (size_t d = 0; d < s.at.size(); ++d) {
        if (s.at[d].index && uses(*s.at[d].index, var)) return false;
        int64_t c = s.at[d].affine.coefficient(var);
        if (c != 0 && (static_cast<int>(d) != inner_dim || c != 1)) return false;
    }
    return uses(s, var);
}

class Counter {
public:
    Counter(const Nest& nest, const WorkShape& shape) : nest_(nest), shape_(shape) {}

    Work count() {
        visit(nest_.root, 1);
        return std::move(work_);
    }

private:
    void visit(const Node& node, double runs) {
        if (node.op) {
            op(*node.op, runs);
            return;
        }
        if (node.is_loop) {
            runs *= node.loop.trips;
            work_.loop_turns += runs;
        }
        for (const Node& child : node.children) visit(child, runs);
    }

    /// One op, executed `runs` times.
    struct Frame {
        const Op& op;
        double runs;
        int lane;        ///< dim, -1: scalars
        double vectors;  ///< of the lane dim
        bool lane_reduced;
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

    DType dtype_of(Name target) const {
        auto tile = nest_.tiles.find(target);
        if (tile != nest_.tiles.end()) return tile->second.dtype;
        const Array* array = array_named(nest_, target);
        return array ? array->dtype : DType::kF32;
    }

    DType compute_dtype(const Op& op) const {
        bool by_operand =
            op.kind == OpKind::Mma || gir::gives_bool(op.fn) || op.fn == gir::ScalarFn::cast;
        if (by_operand)
            for (const gir::Operand& s : op.srcs)
                if (auto* slice = std::get_if<Slice>(&s)) return dtype_of(slice->target);
        return dtype_of(op.dst.target);
    }

    void op(const Op& o, double runs) {
        int lane = o.kind == OpKind::Scatter || o.kind == OpKind::Sort
                       ? -1
                       : lane_dim(nest_, o, shape_.lanes);
        Frame f{o, runs, lane, 1, false};
        if (lane >= 0) {
            f.vectors = std::ceil(extent(f, static_cast<size_t>(lane)) / shape_.lanes);
            f.lane_reduced = !uses(o.dst, o.dims[static_cast<size_t>(lane)].name);
        }
        if (o.kind == OpKind::Mma && shape_.array_rows > 0) {
            contraction(f);
            return;
        }
        gir::for_each_slice(o,
                            [&](const Slice& s, bool written) { count_asked(f, s, written, 1); });
        if (is_transfer(o)) return;
        arithmetic(f);
        accesses(f, register_tile(nest_, o.dst) != nullptr);
        turns(f);
    }

    /// A pass that fills a scratchpad: the memory system does it.
    bool is_transfer(const Op& o) const {
        auto tile = nest_.tiles.find(o.dst.target);
        if (tile == nest_.tiles.end() || nest_.software.count(tile->second.level) == 0)
            return false;
        return std::any_of(nest_.copies.begin(), nest_.copies.end(),
                           [&](const auto& copy) { return copy.get() == &o; });
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
                for (const Instructions& i : instructions(o.fn, t)) charge(f, i, vectors);
                if (o.kind == OpKind::Reduce) across_lanes(f, o.fn, t);
                break;
        }
    }

    /// Vectors of the accumulator bound how many multiply-adds are independent.
    void stall(const Frame& f, double vectors) {
        double independent =
            product(f, [&](size_t d) { return uses(f.op.dst, f.op.dims[d].name); });
        // Accumulators in memory are several vectors at a turn as well.
        if (!register_tile(nest_, f.op.dst)) independent = std::max(independent, kVectorsPerTurn);
        double factor = std::max(1.0, shape_.fma_in_flight / independent);
        work_.fma_stall += f.runs * vectors * (factor - 1);
    }

    /// The lanes of each result are combined in log2 steps of a shuffle and the function.
    void across_lanes(const Frame& f, gir::ScalarFn fn, DType t) {
        if (!f.lane_reduced) return;
        double results = product(f, [&](size_t d) { return uses(f.op.dst, f.op.dims[d].name); });
        double steps = std::log2(static_cast<double>(shape_.lanes));
        charge(f, {OpClass::Shuffle, DType::kF32, steps}, results);
        for (const Instructions& i : instructions(fn, t)) charge(f, i, results * steps);
    }

    void contraction(const Frame& f) {
        const Op& o = f.op;
        const auto* a = std::get_if<Slice>(&o.srcs.at(0));
        const auto* b = std::get_if<Slice>(&o.srcs.at(1));
        Contraction c;
        c.runs = f.runs;
        for (const gir::NamedDim& d : o.dims) {
            bool in_dst = uses(o.dst, d.name), in_a = a && uses(*a, d.name),
                 in_b = b && uses(*b, d.name);
            auto n = static_cast<double>(d.extent.value());
            (!in_dst ? c.k : in_a && in_b ? c.batch : in_b ? c.n : c.m) *= n;
        }
        work_.contractions.push_back(c);
        // Rows stream through once for each tile of columns, sums go through for each tile of rows.
        double column_tiles = std::ceil(c.n / shape_.array_columns);
        double row_tiles = std::ceil(c.k / shape_.array_rows);
        if (a) count_asked(f, *a, false, column_tiles);
        if (b) count_asked(f, *b, false, 1);
        count_asked(f, o.dst, true, row_tiles);
        count_asked(f, o.dst, false, row_tiles);
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
        auto used = [&](size_t d) { return reloads || uses(s, f.op.dims[d].name); };
        bool along = f.lane >= 0 && uses(s, f.op.dims[static_cast<size_t>(f.lane)].name);
        double bits = tensor::bits(dtype_of(s.target));
        if (along && !contiguous(nest_, s, f.op.dims[static_cast<size_t>(f.lane)].name)) {
            work_.gathered += f.runs * points(f, used);
            return;
        }
        double count = f.runs * product(f, used) * (along && bits == 64 ? 2 : 1);
        (written ? work_.stores : work_.loads) += count;
        if (along && bits < 32) charge(f, {OpClass::Convert, DType::kF32, 1}, count / f.runs);
    }

    void count_asked(const Frame& f, const Slice& s, bool written, double times) {
        auto used = [&](size_t d) { return uses(s, f.op.dims[d].name); };
        auto tile = nest_.tiles.find(s.target);
        const Array* array = array_named(nest_, s.target);
        if (tile == nest_.tiles.end() && !array) return;
        Name level = tile != nest_.tiles.end() ? tile->second.level : array->level;
        double bytes = times * f.runs * points(f, used) * tensor::bits(dtype_of(s.target)) / 8.0;
        (written ? work_.asked_write_bytes : work_.asked_read_bytes)[level] += bytes;
    }

    void turns(const Frame& f) {
        const Op& o = f.op;
        double turns = f.runs;
        bool any = false;
        for (size_t d = 0; d < o.dims.size(); ++d) {
            bool unrolled = false;
            gir::for_each_slice(o, [&](const Slice& s, bool) {
                unrolled = unrolled || (register_tile(nest_, s) && uses(s, o.dims[d].name));
            });
            if (unrolled) continue;
            turns *= static_cast<int>(d) == f.lane ? std::ceil(f.vectors / kVectorsPerTurn)
                                                   : extent(f, d);
            any = true;
        }
        if (any) work_.loop_turns += turns;
    }

    const Nest& nest_;
    const WorkShape& shape_;
    Work work_;
};

}  // namespace

int lane_dim(const Nest& nest, const Op& op, int lanes) {
    if (int d = along_lanes(nest, op, op.dst); d >= 0) return d;
    for (const gir::Operand& s : op.srcs)
        if (auto* slice = std::get_if<Slice>(&s))
            if (int d = along_lanes(nest, op, *slice); d >= 0) return d;
    int best = -1;
    int64_t best_score = 0;
    for (size_t d = 0; d < op.dims.size(); ++d) {
        Name var = op.dims[d].name;
        int64_t extent = op.dims[d].extent.value();
        if (extent < 2) continue;
        int64_t inline_sources = 0, scattered = 0;
        for (const gir::Operand& s : op.srcs)
            if (auto* slice = std::get_if<Slice>(&s); slice && uses(*slice, var))
                ++(contiguous(nest, *slice, var) ? inline_sources : scattered);
        bool reduced = !uses(op.dst, var);
        int64_t score = 0;
        if (reduced) {
            if (scattered == 0 && inline_sources > 0 && extent >= lanes) score = 4 + inline_sources;
        } else if (contiguous(nest, op.dst, var)) {
            score = (extent >= lanes ? 20 : 8) + 4 * inline_sources - 6 * scattered;
        }
        if (score > 0 && score >= best_score) {
            best = static_cast<int>(d);
            best_score = score;
        }
    }
    return best;
}

Work work_of(const Nest& nest, const WorkShape& shape) {
    return Counter(nest, shape).count();
}

}  // namespace smeaton::cost
