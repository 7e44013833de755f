#include "gir/ledger/ledger.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "gir/ledger/charges.h"
#include "gir/ledger/constants.h"
#include "gir/ledger/contiguous.h"
#include "gir/ledger/count.h"
#include "gir/ledger/loops.h"
#include "gir/ledger/ring.h"
#include "gir/walk.h"

namespace smeaton::gir {

namespace {

struct TileInfo {
    Tile tile;
    std::optional<Tensor> constant;
};

bool is_fold(OpKind kind) {
    return kind == OpKind::Reduce || kind == OpKind::Mma;
}

bool reads_its_result(const Op& op) {
    return op.kind == OpKind::Mma || op.kind == OpKind::Sort ||
           (op.kind == OpKind::Reduce && op.accumulate) ||
           (op.kind == OpKind::Scatter && op.fn != ScalarFn::copy);
}

void append(std::vector<BoxBound>& all, const std::vector<BoxBound>& more) {
    all.insert(all.end(), more.begin(), more.end());
}

/// Walks a kernel once; what it meets goes to `charges_`.
class LedgerBuilder {
public:
    LedgerBuilder(const Program& program, const Levels& levels)
        : program_(program), levels_(levels), loops_(program), charges_(levels) {}

    Ledger build(const Kernel& kernel) {
        block(kernel.body);
        Ledger out = charges_.take();
        out.multiply_adds = multiply_adds_;
        out.parallel_width = width(kernel.body);
        return out;
    }

private:
    const TileInfo* tile_of(const Slice& s) const {
        auto t = tiles_.find(s.target);
        return t != tiles_.end() ? &t->second : nullptr;
    }

    ChargedTo target_of(const Slice& s) const {
        if (const TileInfo* t = tile_of(s))
            return {levels_.index(t->tile.level), t->tile.dtype, Name()};
        const Buffer& b = program_.buffer(s.target);
        return {levels_.index(charged_level(b)), b.dtype, b.name};
    }

    Dim run_of(const Slice& s, const std::set<int>& dims, const DimVars& vars) const {
        const TileInfo* t = tile_of(s);
        const MemoryStrides memory =
            t ? memory_strides(t->tile, loops_) : memory_strides(program_.buffer(s.target), loops_);
        SMEATON_CHECK(s.at.size() == memory.strides.size(), "{} has {} dims and is read at {}",
                      s.target, memory.strides.size(), s.at.size());
        return contiguous_elements(s, memory, dims, vars, loops_);
    }

    /// Dims, not axes, that the bounds restrict.
    std::set<int> dims_in(const std::vector<BoxBound>& bounds) const {
        std::set<int> dims;
        for (const BoxBound& b : bounds)
            for (const auto& [v, k] : b.terms)
                if (!loops_.is_axis(v)) dims.insert(v);
        return dims;
    }

    ConstantReads constant_reads(const Slice& s, const DimVars& vars) const {
        const TileInfo& t = *tile_of(s);
        return {s, t.tile, *t.constant, vars, loops_};
    }

    /// `bounds`, `used`: those of the slice that this is an index of.
    void slice(const Slice& s, const DimVars& vars, bool read, bool write,
               std::vector<BoxBound> bounds = {}, std::set<int> used = {}, int64_t copies = 1) {
        loops_.add_bounds(s, vars, bounds);
        note_dims(s, vars, used);
        std::set<int> bound_dims = dims_in(bounds);
        if (s.within)
            for (const Bound& b : s.within->bounds) note_dims(b.expr, vars, bound_dims);
        for (const Coord& c : s.at)
            if (c.index) slice(*c.index, vars, true, false, bounds, bound_dims, copies);
        const ChargedTo t = target_of(s);
        const Dim elements = Dim(copies) * slice_elements(s, vars, bounds, used);
        const Dim run = run_of(s, used, vars);
        if (read) charges_.access(t, elements, false, run);
        if (write) charges_.access(t, elements, true, run);
    }

    Dim slice_elements(const Slice& s, const DimVars& vars, const std::vector<BoxBound>& bounds,
                       const std::set<int>& used) const {
        const std::vector<BoxBound> all = loops_.with_loops(bounds);
        const TileInfo* tile = tile_of(s);
        if (!tile || !tile->constant)
            return count_points(loops_.extents(), loops_.with_axes(used), all);
        const ConstantReads reads = constant_reads(s, vars);
        return count_points_by_class(loops_.extents(), loops_.with_axes(used), all,
                                     reads.variables(), 1, [&](const std::vector<int64_t>& at) {
                                         return is_free_value(reads.at(reads.variables(), at)) ? -1
                                                                                               : 0;
                                     })[0];
    }

    void block(const Block& stmts) {
        auto saved = tiles_;
        for (size_t i = 0; i < stmts.size(); ++i) {
            if (auto* let = std::get_if<Let>(&stmts[i]->node)) {
                Block rest(stmts.begin() + static_cast<std::ptrdiff_t>(i) + 1, stmts.end());
                visit(*let, rest);
            } else {
                std::visit([&](const auto& node) { visit(node); }, stmts[i]->node);
            }
        }
        tiles_ = std::move(saved);
    }

    void visit(const Let&) {}  // with the rest of its block, below

    void visit(const Parallel& p) {
        loops_.inside(p, [&] { block(p.body); });
    }

    void visit(const For& f) {
        loops_.inside(f, [&] { block(f.body); });
    }

    void visit(const Prefetch&) {}  // its bytes are those of the read that it goes before

    void visit(const Check& c) {
        if (auto* s = std::get_if<Slice>(&c.condition))
            slice(*s, loops_.vars_of(c.dims), true, false);
    }

    void visit(const Op& op) {
        const DimVars vars = loops_.vars_of(op.dims);
        for (const Operand& o : op.srcs)
            if (auto* s = std::get_if<Slice>(&o)) slice(*s, vars, true, false);
        slice(op.dst, vars, reads_its_result(op), true);
        if (op.payload) slice(*op.payload, vars, true, true);
        operations(op, vars);
    }

    void operations(const Op& op, const DimVars& vars) {
        std::vector<DType> sources;
        std::vector<const Slice*> constants;
        std::vector<BoxBound> bounds = loops_.with_loops({});
        loops_.add_bounds(op.dst, vars, bounds);
        const std::vector<BoxBound> of_results = bounds;
        std::vector<std::vector<BoxBound>> of_sources;
        for (const Operand& o : op.srcs) {
            of_sources.emplace_back();
            auto* s = std::get_if<Slice>(&o);
            if (!s) continue;
            sources.push_back(target_of(*s).dtype);
            loops_.add_bounds(*s, vars, of_sources.back());
            if (is_fold(op.kind)) append(bounds, of_sources.back());
            const TileInfo* tile = tile_of(*s);
            if (op.kind == OpKind::Mma && tile && tile->constant) constants.push_back(s);
        }
        const DType dtype = compute_dtype(op, target_of(op.dst).dtype, sources);
        std::set<int> dims;
        for (const auto& [name, v] : vars) dims.insert(v);
        if (op.kind == OpKind::Mma) {
            auto points = [&](const std::vector<BoxBound>& within) {
                return count_products(constants, vars, dims, within);
            };
            const std::vector<Dim> counts = points(bounds);
            charges_.operations(LedgerClass::Fma, dtype, counts[0]);
            charges_.operations(LedgerClass::Add, dtype, counts[1]);
            multiply_adds_ += asked_for(of_results, of_sources, counts[0], points);
            return;
        }
        Dim count = count_points(loops_.extents(), loops_.with_axes(dims), bounds);
        if (op.kind == OpKind::Sort) count *= sort_factor(op);
        charges_.operations(class_of(op), dtype, count);
    }

    /// Products of all points whose result is one and where not every source is outside its bounds;
    /// `inside`: of those where none is.
    template <class Points>
    static Dim asked_for(const std::vector<BoxBound>& of_results,
                         const std::vector<std::vector<BoxBound>>& of_sources, const Dim& inside,
                         Points points) {
        for (const std::vector<BoxBound>& of_source : of_sources)
            if (of_source.empty()) return points(of_results)[0];
        Dim sum = Dim(0) - inside;  // of the two sources' points those that they share, twice
        for (const std::vector<BoxBound>& of_source : of_sources) {
            std::vector<BoxBound> both = of_results;
            append(both, of_source);
            sum += points(both)[0];
        }
        return sum;
    }

    Dim sort_factor(const Op& op) const {
        for (const NamedDim& d : op.dims) {
            if (d.name != op.along) continue;
            const Dim n = loops_.bound(d.extent);
            if (!n.is_const()) throw UserError("the length {} of a sort is not bound", n.str());
            return Dim(sort_comparisons(n.value()));
        }
        SMEATON_CHECK(false, "sort along {}, which is no dim of it", op.along);
    }

    // [multiply-adds, additions]
    std::vector<Dim> count_products(const std::vector<const Slice*>& constants, const DimVars& vars,
                                    const std::set<int>& dims,
                                    const std::vector<BoxBound>& bounds) const {
        if (constants.empty())
            return {count_points(loops_.extents(), loops_.with_axes(dims), bounds), Dim(0)};
        std::vector<ConstantReads> reads;
        std::set<int> together;
        for (const Slice* s : constants) {
            reads.push_back(constant_reads(*s, vars));
            together.insert(reads.back().variables().begin(), reads.back().variables().end());
        }
        const std::vector<int> enumerated(together.begin(), together.end());
        return count_points_by_class(loops_.extents(), loops_.with_axes(dims), bounds, enumerated,
                                     2, [&](const std::vector<int64_t>& at) {
                                         int cls = 0;
                                         for (const ConstantReads& r : reads) {
                                             const double v = r.at(enumerated, at);
                                             if (v == 0) return -1;
                                             if (is_free_value(v)) cls = 1;
                                         }
                                         return cls;
                                     });
    }

    void visit(const Let& let, const Block& rest) {
        if (let.source) charge_let(let, tile_copies(levels_, let, rest));
        tiles_[let.tile.name] = {let.tile, let.constant};
    }

    void charge_let(const Let& let, int64_t copies) {
        const DimVars vars = loops_.vars_of(let.tile.dims);
        const Slice& s = *let.source;
        std::vector<BoxBound> bounds;
        loops_.add_bounds(s, vars, bounds);
        std::set<int> used;
        note_dims(s, vars, used);
        const std::set<int> bound_dims = dims_in(bounds);
        for (const Coord& c : s.at)
            if (c.index) slice(*c.index, vars, true, false, bounds, bound_dims, copies);
        const ChargedTo t = target_of(s);
        const Dim run = run_of(s, used, vars);
        const Dim inside = Dim(copies) * entered_elements(let, loops_, vars, used, bounds);
        if (!pads(let)) {
            charges_.crossing(t, levels_.index(let.tile.level), inside, run);
            return;
        }
        charges_.access(t, inside, false, run);
        charge_filling(let, Dim(copies) * entered_elements(let, loops_, vars, used, {}), vars,
                       used);
    }

    /// A copy that pads is written: `elements` over the dims in `used`.
    void charge_filling(const Let& let, Dim elements, const DimVars& vars,
                        const std::set<int>& used) {
        Dim run(1);
        for (const NamedDim& d : let.tile.dims) {
            run *= loops_.bound(d.extent);
            if (used.count(vars.at(d.name)) == 0) elements *= loops_.bound(d.extent);
        }
        charges_.access({levels_.index(let.tile.level), let.tile.dtype, Name()}, elements, true,
                        run);
        charges_.operations(op_class(ScalarFn::copy), let.tile.dtype, elements);
    }

    Dim width(const Block& body) const {
        std::optional<Dim> narrowest;
        for (const StmtPtr& s : body) {
            auto* p = std::get_if<Parallel>(&s->node);
            if (!p) continue;
            Dim w = nest_width(*p);
            if (!narrowest ||
                (w.is_const() && narrowest->is_const() && w.value() < narrowest->value()))
                narrowest = w;
        }
        return narrowest.value_or(Dim(1));
    }

    Dim nest_width(const Parallel& p) const {
        Dim w = loops_.bound(p.extent);
        if (p.body.size() == 1)
            if (auto* inner = std::get_if<Parallel>(&p.body[0]->node)) w *= nest_width(*inner);
        return w;
    }

    const Program& program_;
    const Levels& levels_;
    Loops loops_;
    Charges charges_;
    std::map<Name, TileInfo> tiles_;
    Dim multiply_adds_ = 0;
};

}  // namespace

Ledger ledger(const Kernel& kernel, const Program& program, const Levels& levels) {
    return with_context(fmt::format("counting the traffic of kernel {}", kernel.name),
                        [&] { return LedgerBuilder(program, levels).build(kernel); });
}

Ledger ledger_of_named(const Kernel& kernel, const Program& program, const Levels& levels) {
    const Kernel uses = with_uses(kernel);
    const std::set<Name> named = names_used(program, {&uses});
    Ledger out = ledger(uses, program, levels);
    std::erase_if(out.levels, [&](const LedgerLevel& l) { return named.count(l.level) == 0; });
    return out;
}

Ledger ledger(const Kernel& kernel, const Program& program) {
    Kernel uses = with_uses(kernel);
    return ledger(kernel, program, levels_used(program, {&uses}));
}

}  // namespace smeaton::gir
