#include "gir/rewrite/claim.h"

#include <algorithm>
#include <functional>
#include <optional>

#include "gir/walk.h"

namespace smeaton::gir::rewrite {

namespace {

// Share of a cache that claims may fill: the rest is for what streams through.
constexpr double kClaimShare = 0.75;
// A claim must save at least this part of the traffic that it stands for.
constexpr double kWorthwhile = 0.05;

// A coordinate as the axes outside a block give it, plus the range that the inside adds.
struct Reach {
    Affine outer;
    Interval inner;
    bool walked = false;  // by an axis or dim inside, if only of extent 1
};

struct Source {
    std::vector<Reach> hull;  // per dim, over all reads
    int64_t element_bytes = 0;
    double charged = 0;  // bytes read in one entry of the block
    bool possible = true;
};

struct Claimer {
    const Program& program;
    const TargetLevel& level;
    std::set<Name>& taken;
    std::set<Name> further_out;       // levels from which this one takes
    std::map<Name, Tile> tiles = {};  // claims of outer levels and real tiles, by name
    std::set<Name> written = {};
    std::map<Name, std::string>& claim_of;  // what each claim made so far is of
    int64_t made = 0;
    int operand = -1;  // only this operand of contractions, and always; -1: any read worth it

    Block block(const Block& b, const std::set<Name>& scope, int64_t room);
    void collect(const Block& b, const std::set<Name>& scope, Extents inner, double times,
                 std::map<Name, Source>& sources) const;
    void note(const Slice& s, const Op& op, const std::set<Name>& scope, const Extents& inner,
              double times, std::map<Name, Source>& sources) const;
    std::vector<NamedDim> dims_of(Name source) const;
    bool claimable(Name source) const;
    std::string stem_of(Name source) const {
        auto found = claim_of.find(source);
        return found == claim_of.end() ? source.str() : found->second;
    }
    Block claim(Name source, const Source& what, const Block& b);
};

bool Claimer::claimable(Name source) const {
    if (written.count(source) > 0) return false;
    auto tile = tiles.find(source);
    if (tile != tiles.end()) return further_out.count(tile->second.level) > 0;
    return program.find_buffer(source) != nullptr;
}

std::vector<NamedDim> Claimer::dims_of(Name source) const {
    auto tile = tiles.find(source);
    return tile != tiles.end() ? tile->second.dims : program.buffer(source).dims;
}

void forbid_indices(const Slice& s, std::map<Name, Source>& sources) {
    for (const Coord& c : s.at)
        if (c.index) {
            sources[c.index->target].possible = false;
            forbid_indices(*c.index, sources);
        }
}

void Claimer::note(const Slice& s, const Op& op, const std::set<Name>& scope, const Extents& inner,
                   double times, std::map<Name, Source>& sources) const {
    if (!claimable(s.target)) return;
    Source& source = sources[s.target];
    auto tile = tiles.find(s.target);
    DType dtype = tile != tiles.end() ? tile->second.dtype : program.buffer(s.target).dtype;
    source.element_bytes = tensor::byte_count(dtype, 1);
    // Behind a guard an index is only read where the guard holds; its hull would go too far.
    if (s.within) forbid_indices(s, sources);
    if (s.within || s.at.empty() || tensor::bits(dtype) < 8) source.possible = false;
    Extents extents = inner;
    double points = times;
    for (const NamedDim& d : op.dims) {
        extents[d.name] = d.extent.value();
        bool occurs = std::any_of(s.at.begin(), s.at.end(),
                                  [&](const Coord& c) { return c.affine.uses(d.name); });
        if (occurs) points *= static_cast<double>(d.extent.value());
    }
    source.charged += points * static_cast<double>(source.element_bytes);
    std::vector<Reach> reach;
    for (const Coord& c : s.at) {
        if (c.index) source.possible = false;
        Reach r;
        Affine rest(c.affine.constant);
        for (const Term& t : c.affine.terms)
            (scope.count(t.var) > 0 ? r.outer : rest) += Affine(t.var, t.coefficient);
        r.inner = interval(rest, extents);
        r.walked = !rest.is_const();
        reach.push_back(r);
    }
    if (source.hull.empty()) {
        source.hull = reach;
        return;
    }
    for (size_t d = 0; d < reach.size(); ++d) {
        source.possible = source.possible && source.hull[d].outer == reach[d].outer;
        source.hull[d].inner.lo = std::min(source.hull[d].inner.lo, reach[d].inner.lo);
        source.hull[d].inner.hi = std::max(source.hull[d].inner.hi, reach[d].inner.hi);
        source.hull[d].walked = source.hull[d].walked || reach[d].walked;
    }
}

void Claimer::collect(const Block& b, const std::set<Name>& scope, Extents inner, double times,
                      std::map<Name, Source>& sources) const {
    for (const StmtPtr& s : b) {
        if (auto* op = std::get_if<Op>(&s->node); op && operand >= 0) {
            if (op->kind == OpKind::Mma)
                note(std::get<Slice>(op->srcs[static_cast<size_t>(operand)]), *op, scope, inner,
                     times, sources);
        } else if (op) {
            for_each_slice(*op, [&](const Slice& slice, bool is_written) {
                if (is_written && slice.within) forbid_indices(slice, sources);
                if (!is_written) note(slice, *op, scope, inner, times, sources);
            });
        } else if (auto* let = std::get_if<Let>(&s->node); let && let->source && operand < 0) {
            // A claim of an outer level further in reads its source once.
            Op as_move;
            as_move.dims = let->tile.dims;
            note(*let->source, as_move, scope, inner, times, sources);
        } else if (auto* check = std::get_if<Check>(&s->node)) {
            if (auto* c = std::get_if<Slice>(&check->condition))
                sources[c->target].possible = false;
        } else {
            auto* p = std::get_if<Parallel>(&s->node);
            auto* f = std::get_if<For>(&s->node);
            if (!p && !f) continue;
            Extents extents = inner;
            int64_t extent = (p ? p->extent : f->extent).value();
            extents[p ? p->axis : f->axis] = extent;
            collect(p ? p->body : f->body, scope, extents, times * static_cast<double>(extent),
                    sources);
        }
    }
}

// The index slices of a destination are read.
void redirect_indices(Slice& dst, const std::function<void(Slice&)>& redirect) {
    for (Coord& c : dst.at) {
        if (!c.index) continue;
        Slice index = *c.index;
        redirect(index);
        c.index = std::make_shared<const Slice>(std::move(index));
    }
}

// let t: level [dims of the hull] resident <- source[outer + lo + dim], and the reads turned to t.
Block Claimer::claim(Name source, const Source& what, const Block& b) {
    Let let;
    let.tile.name = fresh(stem_of(source) + "_" + level.name.str(), taken);
    let.tile.level = level.name;
    auto known = tiles.find(source);
    let.tile.dtype = known != tiles.end() ? known->second.dtype : program.buffer(source).dtype;
    let.resident = true;
    let.source = Slice{source, {}, {}};
    std::vector<NamedDim> dims = dims_of(source);
    std::vector<Affine> base;
    std::vector<size_t> kept;  // dims that nothing inside walks are left out of the tile
    for (size_t d = 0; d < dims.size(); ++d) {
        const Reach& r = what.hull[d];
        base.push_back(r.outer + Affine(r.inner.lo));
        Affine at = base.back();
        if (r.walked || r.inner.hi > r.inner.lo) {
            Name dim = fresh(dims[d].name, taken);
            let.tile.dims.push_back({dim, Dim(r.inner.hi - r.inner.lo + 1)});
            at += Affine(dim);
            kept.push_back(d);
        }
        let.source->at.emplace_back(at);
    }
    std::function<void(Slice&)> redirect = [&](Slice& s) {
        for (Coord& c : s.at)
            if (c.index) {
                Slice index = *c.index;
                redirect(index);
                c.index = std::make_shared<const Slice>(std::move(index));
            }
        if (s.target != source) return;
        Slice next{let.tile.name, {}, {}};
        for (size_t d : kept) next.at.emplace_back(s.at[d].affine - base[d]);
        s = next;
    };
    Block inside = map_stmts(b, [&](const StmtPtr& s) -> Block {
        if (auto* op = std::get_if<Op>(&s->node)) {
            Op next = *op;
            for (size_t k = 0; k < next.srcs.size(); ++k) {
                bool meant =
                    operand < 0 || (op->kind == OpKind::Mma && static_cast<int>(k) == operand);
                if (auto* slice = std::get_if<Slice>(&next.srcs[k]); slice && meant)
                    redirect(*slice);
            }
            if (operand < 0) redirect_indices(next.dst, redirect);
            return {next == *op ? s : stmt(std::move(next))};
        }
        auto* inner = std::get_if<Let>(&s->node);
        if (!inner || !inner->source || inner->source->target != source || operand >= 0) return {s};
        Let next = *inner;
        redirect(*next.source);
        return {stmt(std::move(next))};
    });
    tiles[let.tile.name] = let.tile;
    claim_of[let.tile.name] = stem_of(source);
    ++made;
    // At the head of the block, or just behind the claim that it reads from.
    auto at = inside.begin();
    for (auto s = inside.begin(); s != inside.end(); ++s)
        if (auto* declared = std::get_if<Let>(&(*s)->node);
            declared && declared->tile.name == source)
            at = s + 1;
    inside.insert(at, stmt(std::move(let)));
    return inside;
}

int64_t hull_bytes(const Source& s) {
    int64_t bytes = s.element_bytes;
    for (const Reach& r : s.hull) bytes *= r.inner.hi - r.inner.lo + 1;
    return bytes;
}

Block Claimer::block(const Block& b, const std::set<Name>& scope, int64_t room) {
    Block current = b;
    for (const StmtPtr& s : b)
        if (auto* let = std::get_if<Let>(&s->node)) {
            tiles[let->tile.name] = let->tile;
            if (let->tile.level != level.name || let->resident) continue;
            int64_t bytes = tensor::byte_count(let->tile.dtype, 1);
            for (const NamedDim& d : let->tile.dims) bytes *= d.extent.value();
            room -= bytes;
        }
    std::map<Name, Source> sources;
    collect(b, scope, {}, 1, sources);
    for (const auto& [name, source] : sources) {
        if (!source.possible || source.hull.empty()) continue;
        int64_t bytes = hull_bytes(source);
        bool again =
            operand >= 0 || static_cast<double>(bytes) < source.charged * (1 - kWorthwhile);
        if (!again || bytes > room) continue;
        if (operand < 0 && bytes < level.line_bytes) continue;
        current = claim(name, source, current);
        room -= bytes;
    }
    Block out;
    for (const StmtPtr& s : current) {
        if (auto* p = std::get_if<Parallel>(&s->node)) {
            Parallel next = *p;
            std::set<Name> inner = scope;
            inner.insert(p->axis);
            next.body = block(p->body, inner, room);
            out.push_back(next.body == p->body ? s : stmt(std::move(next)));
        } else if (auto* f = std::get_if<For>(&s->node)) {
            For next = *f;
            std::set<Name> inner = scope;
            inner.insert(f->axis);
            next.body = block(f->body, inner, room);
            out.push_back(next.body == f->body ? s : stmt(std::move(next)));
        } else {
            out.push_back(s);
        }
    }
    return out;
}

bool plain_loops(const Block& b) {
    bool plain = true;
    for_each_stmt(b, [&](const Stmt& s) {
        if (auto* f = std::get_if<For>(&s.node))
            plain = plain && f->from.empty() && f->to.empty() && f->extent.is_const() &&
                    f->extent.value() > 0;
        if (auto* p = std::get_if<Parallel>(&s.node))
            plain = plain && p->extent.is_const() && p->extent.value() > 0;
        if (auto* o = std::get_if<Op>(&s.node))
            for (const NamedDim& d : o->dims)
                plain = plain && d.extent.is_const() && d.extent.value() > 0;
    });
    return plain;
}

// The software-managed level that is there for this operand.
const TargetLevel* scratchpad_for(const Target& target, OperandRole role) {
    for (const TargetLevel& level : target.levels)
        if (level.software_managed && !level.roles.empty() && level.takes(role)) return &level;
    return nullptr;
}

std::set<Name> levels_outside(const Target& target, size_t level) {
    std::set<Name> names;
    for (size_t i = level + 1; i < target.levels.size(); ++i) names.insert(target.levels[i].name);
    return names;
}

KernelPtr claim_kernel(const Program& program, const KernelPtr& kernel, const Target& target,
                       const Rules& rules) {
    if (!plain_loops(kernel->body)) return kernel;
    std::set<Name> taken = declared_names(kernel->body);
    for (const Buffer& b : program.buffers) taken.insert(b.name);
    Block body = kernel->body;
    std::map<Name, std::string> claim_of;
    int64_t made = 0;
    for (size_t i = target.levels.size(); i-- > 1;) {
        const TargetLevel& level = target.levels[i];
        if (level.software_managed || level.capacity_bytes == 0 || i + 1 == target.levels.size())
            continue;
        Claimer claimer{program, level, taken, levels_outside(target, i), {}, {}, claim_of};
        claimer.written.insert(kernel->writes.begin(), kernel->writes.end());
        // Tiles that ops fill change while they live.
        for_each_op(body, [&](const Op& op) {
            claimer.written.insert(op.dst.target);
            if (op.payload) claimer.written.insert(op.payload->target);
        });
        auto room = static_cast<int64_t>(static_cast<double>(level.capacity_bytes) * kClaimShare);
        body = claimer.block(body, {}, room);
        made += claimer.made;
    }
    for (int operand : {0, 1}) {
        const TargetLevel* level =
            scratchpad_for(target, operand == 0 ? OperandRole::A : OperandRole::B);
        if (!level) continue;
        Claimer claimer{program, *level, taken, {target.outermost().name}, {}, {}, claim_of};
        claimer.operand = operand;
        body = claimer.block(body, {}, level->capacity_bytes);
        made += claimer.made;
    }
    if (made == 0) return kernel;
    rules.note("claim-resident", fmt::format("{}: {} claims", kernel->name, made));
    Kernel next = *kernel;
    next.body = body;
    return std::make_shared<const Kernel>(with_uses(next));
}

}  // namespace

Program claim_residents(Program program, const Target& target, const Rules& rules) {
    if (!rules.on("claim-resident")) return program;
    const Program before = program;
    return map_kernels(std::move(program), [&](const KernelPtr& kernel) {
        return claim_kernel(before, kernel, target, rules);
    });
}

}  // namespace smeaton::gir::rewrite
