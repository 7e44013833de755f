#include "gir/rewrite/spell/spell.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "base/error.h"
#include "gir/each_kernel.h"
#include "gir/rewrite/kept.h"
#include "gir/rewrite/spell/ahead.h"
#include "gir/rewrite/spell/behind.h"
#include "gir/rewrite/spell/choose.h"
#include "gir/rewrite/spell/laid.h"
#include "gir/rewrite/spell/lines.h"
#include "gir/rewrite/spell/registers.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

namespace {

// Iterations of a shared-out nest after which further axes of no scope stay loops inside.
constexpr int64_t kSharedEnough = 256;

Block serial(const Block& body) {
    return map_stmts(body, [](const StmtPtr& s) -> Block {
        auto* p = std::get_if<Parallel>(&s->node);
        if (!p || p->scope != Name("any")) return {s};
        For loop;
        loop.axis = p->axis;
        loop.extent = p->extent;
        loop.body = p->body;
        return {stmt(std::move(loop))};
    });
}

/// Of nested parallel axes without a scope the outer ones are shared out, the rest are loops.
StmtPtr share_out(const StmtPtr& s, int64_t range) {
    auto* p = std::get_if<Parallel>(&s->node);
    if (!p) return s;
    range *= p->extent.value();
    const Parallel* next =
        p->body.size() == 1 ? std::get_if<Parallel>(&p->body.front()->node) : nullptr;
    bool further = next && (next->scope != Name("any") || range < kSharedEnough);
    Block body = further ? Block{share_out(p->body.front(), range)} : serial(p->body);
    return body == p->body ? s : stmt(Parallel{p->axis, p->extent, p->scope, std::move(body)});
}

/// A copy into a level that no memory system fills: memory, and one pass of a unit. Parts in flight
/// are then none.
Block without_copies(const Block& body, const Target& target) {
    return map_stmts(body, [&](const StmtPtr& s) -> Block {
        auto* let = std::get_if<Let>(&s->node);
        if (!let || let->kind != TileKind::Copy) return {s};
        const TargetLevel* level = target.find(let->tile.level);
        if (level && target.is_scratchpad(*level)) return {s};
        return {stmt(Let{let->tile}), stmt(filling_of(*let))};
    });
}

struct Speller {
    const Program& program;
    const Target& target;
    std::set<Name> taken;
    Place place;

    Speller(const Program& p, const Target& t, const Block& body)
        : program(p),
          target(t),
          taken(declared_names(body)),
          place{p, t.lanes(DType::kF32), t.registers().name} {}

    Block run(const Block& body);

private:
    Block block(const Block& body);
    StmtPtr loop(const Parallel&);
    StmtPtr loop(const For&);
    Block inside(Name axis, int64_t extent, ValueRange range, const Block& body);
    Block op(const Op&);
    Block turned(const Op&, const Turned&);
    Block spelled(const Op&);
    Block explicit_loops(Op);
    bool by_vectors(const Op& mma) const;
};

Block Speller::run(const Block& original) {
    Block body;
    for (const StmtPtr& s : original) body.push_back(share_out(s, 1));
    body = without_copies(body, target);
    body = sort_by_lines(body, program, target, taken);
    body = settle_tiles(body, target, has_several_phases(body));
    return block(body);
}

Block Speller::block(const Block& body) {
    Block out;
    for (size_t i = 0; i < body.size(); ++i) {
        const StmtPtr& s = body[i];
        if (auto* let = std::get_if<Let>(&s->node))
            place.tiles.insert_or_assign(let->tile.name, let);
        if (auto* p = std::get_if<Parallel>(&s->node)) {
            out.push_back(loop(*p));
        } else if (auto* f = std::get_if<For>(&s->node)) {
            out.push_back(loop(*f));
        } else if (auto* o = std::get_if<Op>(&s->node); o && !o->spelling) {
            Block ops = op(*o);
            out.insert(out.end(), ops.begin(), ops.end());
        } else {
            out.push_back(s);
        }
        if (!out.empty())
            out.back() =
                with_rows_ahead(place, target, out.back(), std::span(body).subspan(i + 1), taken);
    }
    return out;
}

StmtPtr Speller::loop(const Parallel& p) {
    int64_t extent = p.extent.value();
    Block body = inside(p.axis, extent, {0, extent - 1}, p.body);
    return stmt(Parallel{p.axis, p.extent, p.scope, std::move(body)});
}

StmtPtr Speller::loop(const For& f) {
    ValueRange range{0, f.extent.value() - 1};
    for (const Affine& a : f.from) range.lo = std::max(range.lo, range_of(a, place.ranges).lo);
    for (const Affine& a : f.to) range.hi = std::min(range.hi, range_of(a, place.ranges).hi - 1);
    For next = f;
    next.body = inside(f.axis, f.extent.value(), range, f.body);
    return stmt(std::move(next));
}

Block Speller::inside(Name axis, int64_t extent, ValueRange range, const Block& body) {
    auto outer = place.ranges;
    place.ranges[axis] = range;
    place.loops.push_back({axis, extent});
    Block out = block(body);
    place.loops.pop_back();
    place.ranges = std::move(outer);
    return out;
}

Block Speller::op(const Op& op) {
    bool can_turn = static_cast<double>(place.lanes) <= target.vector_registers;
    if (std::optional<Turned> t = can_turn ? find_turned(place, op) : std::nullopt)
        return turned(op, *t);
    return spelled(op);
}

/// The part of the op where dim `d` runs from `first` on, `extent` long.
Op part_of(const Op& op, size_t d, int64_t first, int64_t extent) {
    Op part = first == 0
                  ? op
                  : substitute(op, {{op.dims[d].name, Affine(op.dims[d].name) + Affine(first)}});
    part.dims[d].extent = extent;
    return part;
}

/// Whole blocks, then what is left of the columns, then what is left of the rows.
Block Speller::turned(const Op& op, const Turned& t) {
    int64_t n = place.lanes;
    int64_t all_rows = op.dims[t.rows].extent.value(), rows = all_rows / n * n;
    int64_t all_columns = op.dims[t.columns].extent.value(), columns = all_columns / n * n;
    Op blocks = part_of(part_of(op, t.rows, 0, rows), t.columns, 0, columns);
    Spelling s;
    s.lanes = op.dims[t.rows].name;
    s.across = op.dims[t.columns].name;
    s.width = n;
    for (const NamedDim& d : op.dims) s.loops.push_back(d.name);
    blocks.spelling = s;
    Block out{stmt(std::move(blocks))};
    auto add = [&](const Op& rest) {
        Block ops = spelled(rest);
        out.insert(out.end(), ops.begin(), ops.end());
    };
    if (columns < all_columns) add(part_of(op, t.columns, columns, all_columns - columns));
    if (rows < all_rows)
        add(part_of(part_of(op, t.columns, 0, columns), t.rows, rows, all_rows - rows));
    return out;
}

Block Speller::spelled(const Op& op) {
    Op next = op;
    next.spelling = choose_spelling(place, target, op);
    Laid dst = laid(place, op.dst);
    bool rows = dst.in_registers && dst.uses(next.spelling->lanes);
    if (op.kind == OpKind::Mma && rows && by_vectors(op)) return explicit_loops(next);
    return {stmt(std::move(next))};
}

/// Are there no contraction shapes of the target but multiply-adds of vectors for these operands? A
/// unit that takes blocks takes them of the whole contraction.
bool Speller::by_vectors(const Op& mma) const {
    auto dtype = [&](const Operand& o, DType otherwise) {
        auto* slice = std::get_if<Slice>(&o);
        return slice ? laid(place, *slice).dtype : otherwise;
    };
    DType acc = laid(place, mma.dst).dtype;
    MmaShape shape = target.shape_for(dtype(mma.srcs[0], acc), dtype(mma.srcs[1], acc), acc);
    return shape.rows == 1 && shape.group == 1 && !shape.holds_b;
}

/// A contraction is written out; what of it is a loop at run time is one in the program, so that
/// what is fetched ahead can stand between.
Block Speller::explicit_loops(Op op) {
    std::vector<NamedDim> loops;
    for (Name n : op.spelling->loops)
        for (const NamedDim& d : op.dims)
            if (d.name == n) loops.push_back(d);
    auto outer = place.ranges;
    for (NamedDim& d : loops) {
        Name axis = fresh(d.name, taken);
        op = substitute(op, {{d.name, Affine(axis)}});
        op.dims.erase(std::find_if(op.dims.begin(), op.dims.end(),
                                   [&](const NamedDim& o) { return o.name == d.name; }));
        d.name = axis;
        place.ranges[axis] = {0, d.extent.value() - 1};
        place.loops.push_back({axis, d.extent.value()});
    }
    op.spelling->loops.clear();
    Block body;
    for (Prefetch& p : prefetches(place, target, op)) body.push_back(stmt(std::move(p)));
    body.push_back(stmt(std::move(op)));
    for (size_t i = loops.size(); i-- > 0;) {
        For loop;
        loop.axis = loops[i].name;
        loop.extent = loops[i].extent;
        loop.body = std::move(body);
        body = {stmt(std::move(loop))};
        place.loops.pop_back();
    }
    place.ranges = std::move(outer);
    return body;
}

}  // namespace

static KernelPtr spelled(const Program& program, const KernelPtr& kernel, const Target& target) {
    Block body = with_unique_tiles(kernel->body);
    body = Speller(program, target, body).run(body);
    return std::make_shared<const Kernel>(
        with_uses({kernel->name, {}, {}, std::move(body), kernel->origins}));
}

namespace {

/// All kernels of a program, from what is kept where that is so: those first that are nobody's
/// twins.
class Spelled {
public:
    Spelled(const Program& program, const Target& target, KeptKernels* kept)
        : program_(program), target_(target), kept_(kept), all_(distinct_kernels(program)) {
        done_.resize(all_.size());
        twins_.resize(all_.size());
        if (!kept) return;
        numbers_ = numbers_of(target);
        asked_.resize(all_.size(), Region(numbers_.size()));
        find_twins();
    }

    OtherKernels spell(Workers* workers, Region* asked) {
        std::vector<size_t> firsts, twins;
        for (size_t i = 0; i < all_.size(); ++i) (twins_[i].of ? twins : firsts).push_back(i);
        for_each_item(workers, firsts.size(), [&](size_t k) { spell_first(firsts[k]); });
        for_each_item(workers, twins.size(), [&](size_t k) { spell_twin(twins[k]); });
        if (asked && kept_)
            for (const Region& region : asked_) meet(*asked, KeptRegion(region));
        OtherKernels others;
        for (size_t i = 0; i < all_.size(); ++i) others.emplace(all_[i].get(), std::move(done_[i]));
        return others;
    }

private:
    struct TwinOf {
        std::shared_ptr<const Twin> of;
        size_t first = 0;  ///< among all
    };

    void find_twins() {
        std::unordered_map<KernelPtr, size_t> places;
        for (size_t i = 0; i < all_.size(); ++i) places.emplace(all_[i], i);
        for (size_t i = 0; i < all_.size(); ++i) {
            auto of = kept_->twins.find(all_[i]);
            auto first = of ? places.find(of->first) : places.end();
            if (first == places.end() || kept_->twins.find(of->first)) continue;
            twins_[i] = {std::move(of), first->second};
        }
        for (const Buffer& b : program_.buffers) buffers_.insert(b.name);
    }

    KernelPtr by_itself(size_t i, Region* noted) const {
        return spelled(program_, all_[i], noted ? noting(target_, *noted) : target_);
    }
    void spell_first(size_t i) {
        done_[i] = kept_ ? kept_->spelled
                               .get(all_[i], {numbers_, &asked_[i]},
                                    [&](Region& noted) { return SameKernel{by_itself(i, &noted)}; })
                               .kernel
                         : by_itself(i, nullptr);
    }
    void spell_twin(size_t i) {
        const Twin& twin = *twins_[i].of;
        const size_t first = twins_[i].first;
        auto make = [&](Region& noted) -> SameKernel {
            Renaming names;
            std::optional<Kernel> copy = renamed(*done_[first], twin, *all_[i], buffers_, &names);
            if (!copy) return {by_itself(i, &noted)};
            meet(noted, KeptRegion(asked_[first]));
            return {kept_->twin(std::move(*copy), {done_[first], twin.buffers_of_first,
                                                   twin.buffers, std::move(names)})};
        };
        done_[i] = kept_->spelled.get(all_[i], {numbers_, &asked_[i]}, make).kernel;
    }

    const Program& program_;
    const Target& target_;
    KeptKernels* kept_;
    const std::vector<KernelPtr> all_;
    std::vector<double> numbers_;
    std::vector<KernelPtr> done_;
    std::vector<Region> asked_;
    std::vector<TwinOf> twins_;
    std::set<Name> buffers_;
};

}  // namespace

Program spell(Program program, const Target& target, KeptKernels* kept, Region* asked,
              Workers* workers) {
    const OtherKernels others = Spelled(program, target, kept).spell(workers, asked);
    return with_kernels(std::move(program), others);
}

}  // namespace smeaton::gir::rewrite
