#include "gir/ledger/ledger.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "gir/layout.h"
#include "gir/ledger/count.h"
#include "gir/walk.h"

namespace smeaton::gir {

namespace {

// Elements of storage types below a byte are summed as bits first.
Dim bytes_of(DType t, const Dim& elements) {
    int bits = tensor::bits(t);
    return bits % 8 == 0 ? elements * Dim(bits / 8) : ceil_div(elements * Dim(bits), 8);
}

struct TileInfo {
    Tile tile;
    std::optional<Tensor> constant;
};

struct Charged {  // what a slice is charged to
    int level = 0;
    DType dtype = DType::kF32;
    Name buffer;  // empty: a tile
    const TileInfo* tile = nullptr;
};

bool free_value(double v) {
    return v == 0 || v == 1 || v == -1;
}

bool is_fold(OpKind kind) {
    return kind == OpKind::Reduce || kind == OpKind::Mma;
}

class LedgerBuilder {
public:
    LedgerBuilder(const Program& program, const Levels& levels)
        : program_(program),
          levels_(levels),
          direct_(levels.list.size()),
          crossing_(levels.list.size()),
          runs_(levels.list.size()) {
        for (const Param& p : program.params)
            if (p.bound) bindings_[p.name] = *p.bound;
    }

    Ledger build(const Kernel& kernel) {
        block(kernel.body);
        Ledger out;
        std::vector<LedgerLevel> rows;
        for (size_t l = 0; l < levels_.list.size(); ++l) {
            LedgerLevel row{levels_.list[l].name, direct_[l].read, direct_[l].write, runs_[l]};
            if (int parent = levels_.list[l].parent; parent >= 0) {
                row.read_bytes += rows[static_cast<size_t>(parent)].read_bytes;
                row.write_bytes += rows[static_cast<size_t>(parent)].write_bytes;
            }
            rows.push_back(row);
        }
        for (size_t l = 0; l < rows.size(); ++l) {
            rows[l].read_bytes += crossing_[l];
            out.levels.push_back(std::move(rows[l]));
        }
        for (auto& [key, count] : operations_)
            if (!count.is(0)) out.operations[key] = count;
        out.buffers = std::move(buffers_);
        out.parallel_width = width(kernel.body);
        return out;
    }

private:
    struct Amount {
        Dim read = 0, write = 0;
    };
    /// Variables of one count: the axes around and the dims of the op.
    struct Vars {
        std::vector<int> all;
        std::map<Name, int> dims;
    };

    // ---- variables and forms ----

    int new_var(const Dim& extent) {
        extents_.push_back(extent.bind(bindings_));
        return static_cast<int>(extents_.size()) - 1;
    }

    Vars vars_of(const std::vector<NamedDim>& dims) {
        Vars v;
        v.all = axis_stack_;
        for (const NamedDim& d : dims) v.dims[d.name] = new_var(d.extent);
        return v;
    }

    // terms go to the variables; what is constant or a parameter is returned.
    Dim split(const Affine& a, const Vars& vars, LinearTerms& terms) const {
        Dim rest(a.constant);
        for (const Term& t : a.terms) {
            if (auto d = vars.dims.find(t.var); d != vars.dims.end())
                terms.emplace_back(d->second, t.coefficient);
            else if (auto x = axes_.find(t.var); x != axes_.end())
                terms.emplace_back(x->second, t.coefficient);
            else
                rest += Dim::symbol(t.var).bind(bindings_) * Dim(t.coefficient);
        }
        return rest;
    }

    BoxBound box_bound(const Affine& expr, const std::optional<Dim>& lo,
                       const std::optional<Dim>& hi, const Vars& vars) const {
        BoxBound b;
        Dim rest = split(expr, vars, b.terms);
        if (lo) b.lo = lo->bind(bindings_) - rest;
        if (hi) b.hi = hi->bind(bindings_) - rest;
        return b;
    }

    void add_bounds(const Slice& s, const Vars& vars, std::vector<BoxBound>& into) const {
        if (!s.within) return;
        for (const Bound& b : s.within->bounds) into.push_back(box_bound(b.expr, b.lo, b.hi, vars));
    }

    static void note_dims(const Affine& a, const Vars& vars, std::set<int>& used) {
        for (const Term& t : a.terms)
            if (auto d = vars.dims.find(t.var); d != vars.dims.end()) used.insert(d->second);
    }

    /// Dims of the op that occur in the slice, its bounds and its indices.
    static void own_dims(const Slice& s, const Vars& vars, std::set<int>& used) {
        for (const Coord& c : s.at) {
            note_dims(c.affine, vars, used);
            if (c.index) own_dims(*c.index, vars, used);
        }
        if (s.within)
            for (const Bound& b : s.within->bounds) note_dims(b.expr, vars, used);
    }

    std::vector<int> with_axes(const std::set<int>& dims) const {
        std::vector<int> all = axis_stack_;
        all.insert(all.end(), dims.begin(), dims.end());
        return all;
    }

    std::vector<BoxBound> with_loops(std::vector<BoxBound> bounds) const {
        bounds.insert(bounds.end(), loop_bounds_.begin(), loop_bounds_.end());
        return bounds;
    }

    // ---- charging ----

    Charged target_of(const Slice& s) const {
        if (auto t = tiles_.find(s.target); t != tiles_.end())
            return {levels_.index(t->second.tile.level), t->second.tile.dtype, Name(), &t->second};
        const Buffer& b = program_.buffer(s.target);
        return {levels_.index(charged_level(b)), b.dtype, b.name, nullptr};
    }

    void charge(const Charged& t, const Dim& elements, bool write, const Dim& run_elements) {
        if (elements.is(0)) return;
        Dim bytes = bytes_of(t.dtype, elements);
        size_t level = static_cast<size_t>(t.level);
        (write ? direct_[level].write : direct_[level].read) += bytes;
        runs_[level].push_back({bytes_of(t.dtype, run_elements), bytes});
        charge_buffer(t, bytes, write);
    }

    void charge_buffer(const Charged& t, const Dim& bytes, bool write) {
        if (t.buffer.empty()) return;
        LedgerBuffer& b = buffers_.try_emplace(t.buffer, LedgerBuffer{{}, 0, 0}).first->second;
        b.level = levels_.list[static_cast<size_t>(t.level)].name;
        (write ? b.write_bytes : b.read_bytes) += bytes;
    }

    void charge_crossing(const Charged& t, int inner, const Dim& elements,
                         const Dim& run_elements) {
        if (elements.is(0)) return;
        Dim bytes = bytes_of(t.dtype, elements);
        charge_buffer(t, bytes, false);
        runs_[static_cast<size_t>(t.level)].push_back({bytes_of(t.dtype, run_elements), bytes});
        if (!levels_.inside(inner, t.level) || inner == t.level) {
            crossing_[static_cast<size_t>(t.level)] += bytes;
            return;
        }
        for (int l = levels_.list[static_cast<size_t>(inner)].parent;;
             l = levels_.list[static_cast<size_t>(l)].parent) {
            crossing_[static_cast<size_t>(l)] += bytes;
            if (l == t.level) return;
        }
    }

    // Longest piece of memory that one pass over the slice's dims runs through, in elements.
    Dim run_of(const Slice& s, const std::set<int>& dims, const Vars& vars) const {
        std::vector<Dim> strides;
        std::vector<int64_t> blocks;  // 0: none
        memory_strides(s, strides, blocks);
        Dim run(1);
        std::set<int> left = dims;
        bool grew = true;
        while (grew) {
            grew = false;
            for (int v : left) {
                Dim step(0);
                int64_t limit = 0;
                if (!step_of(s, v, vars, strides, blocks, step, limit) || step != run) continue;
                const Dim& extent = extents_[static_cast<size_t>(v)];
                left.erase(v);
                if (limit > 0 && (!extent.is_const() || extent.value() > limit))
                    return run * Dim(limit);
                run *= extent;
                grew = true;
                break;
            }
        }
        return run;
    }

    // Element step of the slice per step of variable v; false where an index stands between.
    bool step_of(const Slice& s, int v, const Vars& vars, const std::vector<Dim>& strides,
                 const std::vector<int64_t>& blocks, Dim& step, int64_t& limit) const {
        for (size_t d = 0; d < s.at.size(); ++d) {
            if (s.at[d].index) {
                std::set<int> through;
                own_dims(*s.at[d].index, vars, through);
                if (through.count(v) > 0) return false;
            }
            for (const Term& t : s.at[d].affine.terms) {
                auto found = vars.dims.find(t.var);
                if (found == vars.dims.end() || found->second != v) continue;
                step += strides[d] * Dim(t.coefficient);
                if (blocks[d] > 0)
                    limit = std::max<int64_t>(blocks[d] / std::abs(t.coefficient), 1);
            }
        }
        return true;
    }

    // Per logical dim: the stride of its innermost part, and that part's extent when it is a block.
    void memory_strides(const Slice& s, std::vector<Dim>& strides,
                        std::vector<int64_t>& blocks) const {
        std::vector<Dim> extents;
        std::vector<PhysicalDim> physical;
        size_t rank = s.at.size();
        if (auto t = tiles_.find(s.target); t != tiles_.end()) {
            for (const NamedDim& d : t->second.tile.dims) {
                PhysicalDim p;
                p.dim = static_cast<int>(physical.size());
                physical.push_back(p);
                extents.push_back(d.extent.bind(bindings_));
            }
        } else {
            const Buffer& b = program_.buffer(s.target);
            physical = physical_dims(b);
            for (const Dim& e : physical_extents(b)) extents.push_back(e.bind(bindings_));
        }
        strides.assign(rank, Dim(0));
        blocks.assign(rank, 0);
        std::vector<int64_t> finest(rank, 0);
        Dim stride(1);
        for (size_t p = physical.size(); p-- > 0;) {
            size_t d = static_cast<size_t>(physical[p].dim);
            if (finest[d] == 0 || physical[p].div < finest[d]) {
                finest[d] = physical[p].div;
                strides[d] = physical[p].div == 1 ? stride : Dim(0);
                blocks[d] = physical[p].mod;
            }
            stride *= extents[p];
        }
    }

    // ---- slices ----

    /// `outer`: bounds of the slice that this is an index of.
    void slice(const Slice& s, const Vars& vars, bool read, bool write,
               std::vector<BoxBound> bounds = {}, std::set<int> used = {}, int64_t copies = 1) {
        add_bounds(s, vars, bounds);
        own_dims(s, vars, used);
        std::set<int> bound_dims;
        if (s.within)
            for (const Bound& b : s.within->bounds) note_dims(b.expr, vars, bound_dims);
        for (const BoxBound& b : bounds)
            for (const auto& [v, k] : b.terms)
                if (!is_axis(v)) bound_dims.insert(v);
        for (const Coord& c : s.at)
            if (c.index) slice(*c.index, vars, true, false, bounds, bound_dims, copies);
        Charged t = target_of(s);
        Dim elements = Dim(copies) * slice_elements(s, t, vars, bounds, used);
        Dim run = run_of(s, used, vars);
        if (read) charge(t, elements, false, run);
        if (write) charge(t, elements, true, run);
    }

    bool is_axis(int v) const {
        return std::find(axis_stack_.begin(), axis_stack_.end(), v) != axis_stack_.end();
    }

    Dim slice_elements(const Slice& s, const Charged& t, const Vars& vars,
                       const std::vector<BoxBound>& bounds, const std::set<int>& used) {
        std::vector<BoxBound> all = with_loops(bounds);
        if (!t.tile || !t.tile->constant) return count_points(extents_, with_axes(used), all);
        std::vector<int> enumerated = coordinate_vars(s, vars);
        return count_points_by_class(
            extents_, with_axes(used), all, enumerated, 1, [&](const std::vector<int64_t>& at) {
                return free_value(constant_at(s, vars, enumerated, at)) ? -1 : 0;
            })[0];
    }

    std::vector<int> coordinate_vars(const Slice& s, const Vars& vars) const {
        LinearTerms terms;
        for (const Coord& c : s.at) {
            SMEATON_CHECK(!c.index, "a constant tile read through an index");
            split(c.affine, vars, terms);
        }
        if (s.within)
            for (const Bound& b : s.within->bounds) split(b.expr, vars, terms);
        std::set<int> used;
        for (const auto& [v, k] : terms) used.insert(v);
        return {used.begin(), used.end()};
    }

    int64_t value_of(const Affine& a, const Vars& vars, const std::vector<int>& names,
                     const std::vector<int64_t>& at) const {
        LinearTerms terms;
        Dim sum = split(a, vars, terms);
        int64_t v = sum.value();
        for (const auto& [var, k] : terms)
            v +=
                k *
                at[static_cast<size_t>(std::find(names.begin(), names.end(), var) - names.begin())];
        return v;
    }

    double constant_at(const Slice& s, const Vars& vars, const std::vector<int>& names,
                       const std::vector<int64_t>& at) const {
        if (s.within) {
            for (const Bound& b : s.within->bounds) {
                int64_t v = value_of(b.expr, vars, names, at);
                if ((b.lo && v < b.lo->bind(bindings_).value()) ||
                    (b.hi && v >= b.hi->bind(bindings_).value()))
                    return s.within->otherwise.as_double();
            }
        }
        const TileInfo& info = tiles_.at(s.target);
        int64_t offset = 0;
        for (size_t d = 0; d < s.at.size(); ++d)
            offset = offset * info.tile.dims[d].extent.bind(bindings_).value() +
                     value_of(s.at[d].affine, vars, names, at);
        return info.constant->at_as_double(offset);
    }

    // ---- statements ----

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

    void visit(const Let&) {}

    template <class Loop>
    void loop(const Loop& l, size_t bounds_added) {
        int var = axis_stack_.back();
        auto saved = axes_;
        axes_[l.axis] = var;
        block(l.body);
        axes_ = std::move(saved);
        axis_stack_.pop_back();
        loop_bounds_.resize(loop_bounds_.size() - bounds_added);
    }

    void visit(const Parallel& p) {
        axis_stack_.push_back(new_var(p.extent));
        loop(p, 0);
    }

    void visit(const For& f) {
        int var = new_var(f.extent);
        Vars none;
        // axis >= from, axis < to, as bounds on the difference.
        for (const Affine& a : f.from) {
            BoxBound b = box_bound(a * -1, Dim(0), std::nullopt, none);
            b.terms.emplace_back(var, 1);
            loop_bounds_.push_back(std::move(b));
        }
        for (const Affine& a : f.to) {
            BoxBound b = box_bound(a * -1, std::nullopt, Dim(0), none);
            b.terms.emplace_back(var, 1);
            loop_bounds_.push_back(std::move(b));
        }
        if (!f.from.empty() || !f.to.empty()) clipped_.insert(var);
        axis_stack_.push_back(var);
        loop(f, f.from.size() + f.to.size());
    }

    void visit(const Prefetch&) {}  // its bytes are those of the read that it goes before

    void visit(const Check& c) {
        if (auto* s = std::get_if<Slice>(&c.condition)) slice(*s, vars_of(c.dims), true, false);
    }

    void visit(const Op& op) {
        Vars vars = vars_of(op.dims);
        for (const Operand& o : op.srcs)
            if (auto* s = std::get_if<Slice>(&o)) slice(*s, vars, true, false);
        bool reads_dst = op.kind == OpKind::Mma || op.kind == OpKind::Sort ||
                         (op.kind == OpKind::Reduce && op.accumulate) ||
                         (op.kind == OpKind::Scatter && op.fn != ScalarFn::copy);
        slice(op.dst, vars, reads_dst, true);
        if (op.payload) slice(*op.payload, vars, true, true);
        operations(op, vars);
    }

    void operations(const Op& op, const Vars& vars) {
        std::vector<DType> sources;
        std::vector<const Slice*> constants;
        std::vector<BoxBound> bounds = loop_bounds_;
        add_bounds(op.dst, vars, bounds);
        for (const Operand& o : op.srcs) {
            auto* s = std::get_if<Slice>(&o);
            if (!s) continue;
            Charged t = target_of(*s);
            sources.push_back(t.dtype);
            if (is_fold(op.kind)) add_bounds(*s, vars, bounds);
            if (op.kind == OpKind::Mma && t.tile && t.tile->constant) constants.push_back(s);
        }
        DType dtype = compute_dtype(op, target_of(op.dst).dtype, sources);
        std::set<int> dims;
        for (const auto& [name, v] : vars.dims) dims.insert(v);
        if (constants.empty()) {
            Dim count = count_points(extents_, with_axes(dims), bounds);
            if (op.kind == OpKind::Sort) count *= sort_factor(op);
            add_operations(class_of(op), dtype, count);
            return;
        }
        std::vector<Dim> counts = count_constant_points(constants, vars, dims, bounds);
        add_operations(OpClass::Fma, dtype, counts[0]);
        add_operations(OpClass::Add, dtype, counts[1]);
    }

    void add_operations(OpClass cls, DType dtype, const Dim& count) {
        operations_.try_emplace({cls, dtype}, Dim(0)).first->second += count;
    }

    Dim sort_factor(const Op& op) const {
        for (const NamedDim& d : op.dims) {
            if (d.name != op.along) continue;
            Dim n = d.extent.bind(bindings_);
            if (!n.is_const()) throw UserError("the length {} of a sort is not bound", n.str());
            return Dim(sort_comparisons(n.value()));
        }
        SMEATON_CHECK(false, "sort along {}, which is no dim of it", op.along);
    }

    // [multiply-adds, additions]
    std::vector<Dim> count_constant_points(const std::vector<const Slice*>& constants,
                                           const Vars& vars, const std::set<int>& dims,
                                           const std::vector<BoxBound>& bounds) {
        std::set<int> together;
        for (const Slice* s : constants)
            for (int v : coordinate_vars(*s, vars)) together.insert(v);
        std::vector<int> enumerated(together.begin(), together.end());
        return count_points_by_class(extents_, with_axes(dims), bounds, enumerated, 2,
                                     [&](const std::vector<int64_t>& at) {
                                         int cls = 0;
                                         for (const Slice* s : constants) {
                                             double v = constant_at(*s, vars, enumerated, at);
                                             if (v == 0) return -1;
                                             if (free_value(v)) cls = 1;
                                         }
                                         return cls;
                                     });
    }

    // ---- lets ----

    void visit(const Let& let, const Block& rest) {
        if (let.source) charge_let(let, tile_copies(levels_, let, rest));
        tiles_[let.tile.name] = {let.tile, let.constant};
    }

    void charge_let(const Let& let, int64_t copies) {
        Vars vars = vars_of(let.tile.dims);
        const Slice& s = *let.source;
        std::vector<BoxBound> bounds;
        add_bounds(s, vars, bounds);
        std::set<int> used, bound_dims;
        own_dims(s, vars, used);
        for (const BoxBound& b : bounds)
            for (const auto& [v, k] : b.terms)
                if (!is_axis(v)) bound_dims.insert(v);
        for (const Coord& c : s.at)
            if (c.index) slice(*c.index, vars, true, false, bounds, bound_dims, copies);
        Charged t = target_of(s);
        Dim run = run_of(s, used, vars);
        Dim inside = Dim(copies) * entries(let, vars, used, bounds);
        if (holds_source(let, t.dtype)) {
            charge_crossing(t, levels_.index(let.tile.level), inside, run);
            return;
        }
        Dim all = Dim(copies) * entries(let, vars, used, {});
        for (const NamedDim& d : let.tile.dims)
            if (used.count(vars.dims.at(d.name)) == 0) all *= d.extent.bind(bindings_);
        charge(t, inside, false, run);
        Dim tile_run(1);
        for (const NamedDim& d : let.tile.dims) tile_run *= d.extent.bind(bindings_);
        Charged own{levels_.index(let.tile.level), let.tile.dtype, Name(), nullptr};
        charge(own, all, true, tile_run);
        bool converts = t.dtype != let.tile.dtype;
        add_operations(op_class(converts ? ScalarFn::cast : ScalarFn::copy), let.tile.dtype, all);
    }

    // Elements that all entries of the let bring in, over the dims in `used`.
    Dim entries(const Let& let, const Vars& vars, const std::set<int>& used,
                const std::vector<BoxBound>& bounds) {
        std::vector<BoxBound> all = with_loops(bounds);
        if (let.ring.empty()) return count_points(extents_, with_axes(used), all);
        auto found = axes_.find(let.ring);
        SMEATON_CHECK(found != axes_.end(), "ring({}) of {} names no enclosing loop", let.ring,
                      let.tile.name);
        int ring = found->second;
        SMEATON_CHECK(clipped_.count(ring) == 0, "ring({}) over a loop with bounds", let.ring);
        // Loops between the ring and the let enter it again with nothing new.
        std::vector<int> around;
        for (int v : axis_stack_) {
            if (v == ring) break;
            around.push_back(v);
        }
        std::vector<int> variables = around;
        variables.insert(variables.end(), used.begin(), used.end());
        auto at_ring = [&](int64_t value) {
            std::vector<BoxBound> fixed;
            for (const BoxBound& b : all) fixed.push_back(with_value(b, ring, value));
            return fixed;
        };
        Dim first = count_points(extents_, variables, at_ring(0));
        std::optional<std::vector<BoxBound>> held = held_bounds(let, vars, ring);
        // Later iterations: everything, less what the one before held.
        std::vector<int> with_ring = variables;
        with_ring.push_back(ring);
        Dim later = count_points(extents_, with_ring, all) - first;
        if (!held) return first + later;
        std::vector<BoxBound> old = all;
        old.insert(old.end(), held->begin(), held->end());
        Dim old_later =
            count_points(extents_, with_ring, old) - count_points(extents_, variables, [&] {
                std::vector<BoxBound> zero = at_ring(0);
                zero.insert(zero.end(), held->begin(), held->end());
                return zero;
            }());
        return first + later - old_later;
    }

    // Bounds on the tile's dims under which an element was there one iteration of `ring` before;
    // nothing when none was.
    std::optional<std::vector<BoxBound>> held_bounds(const Let& let, const Vars& vars,
                                                     int ring) const {
        std::vector<BoxBound> bounds;
        for (const Coord& c : let.source->at) {
            SMEATON_CHECK(!c.index, "ring({}) of {} over computed coordinates", let.ring,
                          let.tile.name);
            LinearTerms terms, own;
            split(c.affine, vars, terms);
            int64_t shift = 0;
            for (const auto& [v, k] : terms) {
                if (v == ring) shift += k;
                if (!is_axis(v)) own.emplace_back(v, k);
            }
            if (shift == 0) continue;
            std::optional<BoxBound> b = held_bound(own, shift);
            if (!b) return std::nullopt;
            bounds.push_back(std::move(*b));
        }
        return bounds;
    }

    // The coordinate takes the values sum(own); which of them stay values when moved by `shift`?
    std::optional<BoxBound> held_bound(LinearTerms own, int64_t shift) const {
        if (own.empty()) return std::nullopt;
        std::sort(own.begin(), own.end(),
                  [](const auto& a, const auto& b) { return a.second < b.second; });
        int64_t unit = own.front().second;
        Dim total(1);
        for (auto& [v, k] : own) {
            SMEATON_CHECK(k > 0 && k % unit == 0 && total.is(k / unit),
                          "a ring whose dims do not cover an interval");
            k /= unit;
            total *= extents_[static_cast<size_t>(v)];
        }
        if (shift % unit != 0) return std::nullopt;
        return BoxBound{own, Dim(-shift / unit), total - Dim(shift / unit)};
    }

    // ---- width ----

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
        Dim w = p.extent.bind(bindings_);
        if (p.body.size() == 1)
            if (auto* inner = std::get_if<Parallel>(&p.body[0]->node)) w *= nest_width(*inner);
        return w;
    }

    const Program& program_;
    const Levels& levels_;
    Bindings bindings_;
    std::vector<Dim> extents_;
    std::vector<int> axis_stack_;
    std::set<int> clipped_;  // axes with bounds of their own
    std::map<Name, int> axes_;
    std::vector<BoxBound> loop_bounds_;
    std::map<Name, TileInfo> tiles_;
    std::vector<Amount> direct_;
    std::vector<Dim> crossing_;
    std::vector<std::vector<LedgerLevel::Run>> runs_;
    std::map<std::pair<OpClass, DType>, Dim> operations_;
    std::map<Name, LedgerBuffer> buffers_;
};

}  // namespace

Ledger ledger(const Kernel& kernel, const Program& program, const Levels& levels) {
    return with_context(fmt::format("counting the traffic of kernel {}", kernel.name),
                        [&] { return LedgerBuilder(program, levels).build(kernel); });
}

Ledger ledger(const Kernel& kernel, const Program& program) {
    Kernel uses = with_uses(kernel);
    return ledger(kernel, program, levels_used(program, {&uses}));
}

}  // namespace smeaton::gir
