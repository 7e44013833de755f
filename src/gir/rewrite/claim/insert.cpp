// A claim written into its block, and the reads turned to it.
#include <algorithm>

#include "gir/layout.h"
#include "gir/rewrite/claim/claimer.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

using cache::note_tile;
using cache::Reach;

namespace {

// The index slices of a destination are read.
void redirect_indices(Slice& dst, const std::function<void(Slice&)>& redirect) {
    for (Coord& c : dst.at) {
        if (!c.index) continue;
        Slice index = *c.index;
        redirect(index);
        c.index = std::make_shared<const Slice>(std::move(index));
    }
}

// (a - base) / step: what of a coordinate walks the tile.
Affine within_tile(const Affine& a, const Affine& base, int64_t step) {
    Affine out = a - base;
    out.constant /= step;
    for (Term& t : out.terms) t.coefficient /= step;
    return out;
}

}  // namespace

std::vector<NamedDim> Claimer::dims_of(Name source) const {
    auto tile = tiles.find(source);
    return tile != tiles.end() ? tile->second.tile.dims : kernel.program.buffer(source).dims;
}

std::string Claimer::stem_of(Name source) const {
    auto found = kernel.claim_of.find(source);
    return found == kernel.claim_of.end() ? source.str() : found->second;
}

// A copy has the order in which its source lies: what runs along lanes there does so here.
void Claimer::as_it_lies(Name source, std::vector<size_t>& dims) const {
    const Buffer* buffer = kernel.program.find_buffer(source);
    if (!buffer) return;
    std::vector<PhysicalDim> physical = physical_dims(*buffer);
    auto innermost = [&](size_t d) {
        size_t at = 0;
        for (size_t i = 0; i < physical.size(); ++i)
            if (physical[i].dim == static_cast<int>(d)) at = i;
        return at;
    };
    std::stable_sort(dims.begin(), dims.end(),
                     [&](size_t x, size_t y) { return innermost(x) < innermost(y); });
}

// claim t: level [dims of the box] <- source[outer + lo + step*dim], and the reads turned to
// t.
Block Claimer::insert(const Candidate& what, Name ring, const Block& b) {
    const Name source = what.source;
    Let let;
    let.tile.name = kernel.fresh_name(stem_of(source) + "_" + level.name.str());
    let.tile.level = level.name;
    auto known = tiles.find(source);
    let.tile.dtype =
        known != tiles.end() ? known->second.tile.dtype : kernel.program.buffer(source).dtype;
    let.kind = level.software_managed ? TileKind::Copy : TileKind::Claim;
    let.ring = ring;
    let.source = Slice{source, {}, {}};
    std::vector<NamedDim> dims = dims_of(source);
    std::vector<Affine> base;
    std::vector<size_t> kept;  // dims that nothing inside walks are left out of the tile
    std::vector<int64_t> steps;
    std::vector<NamedDim> walked(dims.size());
    for (size_t d = 0; d < dims.size(); ++d) {
        const Reach& r = what.touch.boxes[0].reach[d];
        base.push_back(r.outer + Affine(r.inner.lo));
        steps.push_back(std::max<int64_t>(r.step, 1));
        Affine at = base.back();
        if (r.walked || r.values() > 1) {
            walked[d] = {kernel.fresh_name(dims[d].name), Dim(r.values())};
            at += Affine(walked[d].name, steps.back());
            kept.push_back(d);
        }
        let.source->at.emplace_back(at);
    }
    if (level.software_managed) as_it_lies(source, kept);
    for (size_t d : kept) let.tile.dims.push_back(walked[d]);
    std::function<void(Slice&)> redirect = [&](Slice& s) {
        for (Coord& c : s.at)
            if (c.index) {
                Slice index = *c.index;
                redirect(index);
                c.index = std::make_shared<const Slice>(std::move(index));
            }
        if (s.target != source) return;
        Slice next{let.tile.name, {}, s.within};
        for (size_t d : kept) next.at.emplace_back(within_tile(s.at[d].affine, base[d], steps[d]));
        s = next;
    };
    int operand = observer.options.mma_operand;
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
            return {next == *op ? s : only(stmt(std::move(next)))};
        }
        auto* inner = std::get_if<Let>(&s->node);
        if (!inner || !inner->source || inner->source->target != source || operand >= 0)
            return {only(s)};
        Let next = *inner;
        redirect(*next.source);
        return {only(stmt(std::move(next)))};
    });
    note_tile(let, tiles);
    kernel.claim_of[let.tile.name] = stem_of(source);
    ++made;
    // At the head of the block, or just behind the tile that it reads from.
    auto at = inside.begin();
    for (auto s = inside.begin(); s != inside.end(); ++s)
        if (auto* declared = std::get_if<Let>(&(*s)->node);
            declared && declared->tile.name == source)
            at = s + 1;
    inside.insert(at, only(stmt(std::move(let))));
    return inside;
}

}  // namespace smeaton::gir::rewrite
