#include "gir/cache/footprint.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "gir/layout.h"
#include "gir/walk.h"

namespace smeaton::gir::cache {

void note_tile(const Let& let, KnownTiles& tiles) {
    tiles[let.tile.name] = {let.tile, let.kind == TileKind::Claim};
}

namespace {

struct Walker {
    const Program& program;
    const FootprintOptions& options;
    const KnownTiles& tiles_around;
    const Extents& scope;
    Surroundings* around = nullptr;
    KnownTiles tiles = {};  // declared in the block
    Touches touches = {};
    double times = 1;  // iterations of the loops inside the block
    Extents inner = {};
    std::vector<Touch*> asked = {};  // by the statement of the block at hand

    void block(const Block& b, bool outermost);
    void statement(const Stmt& s);
    double share_of_ring(const Let& let) const;
    void access(const Slice& s, const std::vector<NamedDim>& dims, bool written);
    void access_inside(const Slice& s, const std::vector<NamedDim>& dims, bool written, DType);
    bool clamp(const Slice& s, std::vector<Reach>& reach, const Extents& extents) const;
    const KnownTile* tile_of(Name target) const;
    const std::vector<NamedDim>& dims_of(Name target) const;
    std::optional<DType> dtype_of(Name target) const;
    ValueRange range_of(const Affine& a, const Extents& extents) const;
    void add_lines(Touches& all) const;
};

// Null for a buffer.
const KnownTile* Walker::tile_of(Name target) const {
    if (auto own = tiles.find(target); own != tiles.end()) return &own->second;
    auto known = tiles_around.find(target);
    const KnownTile* tile = known != tiles_around.end() ? &known->second : nullptr;
    if (around) around->tiles.try_emplace(target, tile ? std::optional(*tile) : std::nullopt);
    return tile;
}

const std::vector<NamedDim>& Walker::dims_of(Name target) const {
    const KnownTile* tile = tile_of(target);
    return tile ? tile->tile.dims : program.buffer(target).dims;
}

// None for what lies in registers.
std::optional<DType> Walker::dtype_of(Name target) const {
    const KnownTile* tile = tile_of(target);
    if (!tile) return program.buffer(target).dtype;
    if (tile->tile.level == options.registers) return std::nullopt;
    return tile->tile.dtype;
}

// Inside the block a name is taken from the loops there.
ValueRange Walker::range_of(const Affine& a, const Extents& extents) const {
    Extents used;
    for (const Term& t : a.terms) {
        if (auto inside = extents.find(t.var); inside != extents.end()) {
            used.emplace(inside->first, inside->second);
        } else if (auto outside = scope.find(t.var); outside != scope.end()) {
            used.emplace(outside->first, outside->second);
            if (around) around->extents.emplace(outside->first, outside->second);
        }
    }
    return value_range(a, used);
}

// A guard that holds a coordinate inside the target cuts what lies outside off the box. False where
// the box may reach outside all the same.
bool Walker::clamp(const Slice& s, std::vector<Reach>& reach, const Extents& extents) const {
    const std::vector<NamedDim>& dims = dims_of(s.target);
    for (size_t d = 0; d < s.at.size(); ++d) {
        int64_t extent = dims[d].extent.value();
        ValueRange whole = range_of(s.at[d].affine, extents);
        if (whole.lo >= 0 && whole.hi < extent) continue;
        bool guarded =
            std::any_of(s.within->bounds.begin(), s.within->bounds.end(), [&](const Bound& b) {
                bool low = whole.lo >= 0 || (b.lo && b.lo->is_const() && b.lo->value() >= 0);
                bool high =
                    whole.hi < extent || (b.hi && b.hi->is_const() && b.hi->value() <= extent);
                return b.expr == s.at[d].affine && low && high;
            });
        Reach& r = reach[d];
        if (!guarded || !r.outer.is_const()) return false;
        int64_t step = std::max<int64_t>(r.step, 1);
        if (r.inner.lo < 0) r.inner.lo += (-r.inner.lo + step - 1) / step * step;
        if (r.inner.hi >= extent) r.inner.hi -= (r.inner.hi - extent + step) / step * step;
        if (r.inner.hi < r.inner.lo) return false;
        r.distinct = std::min(r.distinct, static_cast<double>(r.values()));
    }
    return true;
}

/// A name's extent, and what it was before; one is put back in the reverse order.
using Shadowed = std::pair<Name, std::optional<int64_t>>;

Shadowed shadow(Extents& extents, Name name, int64_t extent) {
    auto [at, is_new] = extents.emplace(name, extent);
    if (is_new) return {name, std::nullopt};
    return {name, std::exchange(at->second, extent)};
}

void put_back(Extents& extents, const Shadowed& before) {
    if (before.second)
        extents[before.first] = *before.second;
    else
        extents.erase(before.first);
}

void Walker::access(const Slice& s, const std::vector<NamedDim>& dims, bool written) {
    const std::optional<DType> dtype = dtype_of(s.target);
    if (!dtype) return;
    std::vector<Shadowed> around;
    for (const NamedDim& d : dims) around.push_back(shadow(inner, d.name, d.extent.value()));
    access_inside(s, dims, written, *dtype);
    for (size_t i = around.size(); i-- > 0;) put_back(inner, around[i]);
}

/// `inner` holds the dims as well.
void Walker::access_inside(const Slice& s, const std::vector<NamedDim>& dims, bool written,
                           DType dtype) {
    const Extents& extents = inner;
    Touch& touch = touches[s.target];
    touch.element_bytes = tensor::byte_count(dtype, 1);
    double points = times;
    for (const NamedDim& d : dims) {
        bool occurs = std::any_of(s.at.begin(), s.at.end(),
                                  [&](const Coord& c) { return c.index || c.affine.uses(d.name); });
        if (occurs) points *= static_cast<double>(d.extent.value());
    }
    if (!written) {
        touch.asked_bytes += points * static_cast<double>(touch.element_bytes);
        asked.push_back(&touch);
    }
    bool computed = std::any_of(s.at.begin(), s.at.end(), [](const Coord& c) { return c.index; });
    if (computed || s.at.empty() || tensor::bits(dtype) < 8) touch.claimable = false;
    if (computed) {
        touch.scattered += points * static_cast<double>(options.line_bytes);
        return;
    }
    Box walked;
    for (const Coord& c : s.at)
        walked.reach.push_back(reach_of(c.affine, [&](Name var) -> std::optional<double> {
            auto known = extents.find(var);
            if (known == extents.end()) return std::nullopt;
            return static_cast<double>(known->second);
        }));
    if (s.within && !clamp(s, walked.reach, extents)) touch.claimable = false;
    for (Box& box : touch.boxes)
        if (move_alike(box, walked)) return widen(box, walked);
    touch.boxes.push_back(std::move(walked));
    if (touch.boxes.size() > 1) touch.claimable = false;
}

// The ring's loop may stand around the block: then nothing of the first iteration is seen.
double Walker::share_of_ring(const Let& let) const {
    auto loop = inner.find(let.ring);
    return loop == inner.end() ? new_share(let) : new_share(let, static_cast<double>(loop->second));
}

void Walker::statement(const Stmt& s) {
    auto loop = [&](Name axis, const Dim& extent, const Block& body) {
        const Shadowed outer = shadow(inner, axis, extent.value());
        double before = times;
        times *= static_cast<double>(extent.value());
        block(body, false);
        put_back(inner, outer);
        times = before;
    };
    if (auto* p = std::get_if<Parallel>(&s.node)) loop(p->axis, p->extent, p->body);
    if (auto* f = std::get_if<For>(&s.node)) loop(f->axis, f->extent, f->body);
    if (auto* let = std::get_if<Let>(&s.node)) {
        if (let->source && options.mma_operand < 0) {
            double before = times;
            if (!let->ring.empty()) times *= share_of_ring(*let);
            access(*let->source, let->tile.dims, false);
            times = before;
        }
        note_tile(*let, tiles);
    }
    if (auto* check = std::get_if<Check>(&s.node))
        if (auto* c = std::get_if<Slice>(&check->condition)) {
            access(*c, check->dims, false);
            if (auto at = touches.find(c->target); at != touches.end())
                at->second.claimable = false;
        }
    auto* op = std::get_if<Op>(&s.node);
    if (!op) return;
    if (options.mma_operand >= 0) {
        if (op->kind == OpKind::Mma)
            access(std::get<Slice>(op->srcs[static_cast<size_t>(options.mma_operand)]), op->dims,
                   false);
        return;
    }
    for_each_slice(*op, [&](const Slice& slice, bool written) {
        access(slice, op->dims, written);
        if (!slice.within) return;
        // Behind a guard an index is only read where the guard holds: its box would go too far.
        for (const Coord& c : slice.at)
            if (c.index) touches[c.index->target].claimable = false;
    });
}

void Walker::block(const Block& b, bool outermost) {
    for (const StmtPtr& s : b) {
        statement(*s);
        if (!outermost) continue;
        std::sort(asked.begin(), asked.end());
        asked.erase(std::unique(asked.begin(), asked.end()), asked.end());
        for (Touch* t : asked) ++t->statements;
        asked.clear();
    }
}

void Walker::add_lines(Touches& all) const {
    for (auto& [name, touch] : all) {
        touch.lines_bytes = touch.scattered;
        const KnownTile* tile = tile_of(name);
        const Memory memory = tile ? memory_of(tile->tile) : memory_of(program.buffer(name));
        const bool claim = tile && tile->claim;
        for (const Box& box : touch.boxes)
            touch.lines_bytes +=
                claim ? static_cast<double>(box.elements() * touch.element_bytes)
                      : touched_bytes(memory, box, static_cast<double>(options.line_bytes));
    }
}

}  // namespace

Touches touched_by(const Block& b, const Extents& scope, const Program& program,
                   const KnownTiles& tiles, const FootprintOptions& options, Surroundings* around) {
    Walker walker{program, options, tiles, scope, around};
    walker.block(b, true);
    walker.add_lines(walker.touches);
    return std::move(walker.touches);
}

bool Surroundings::are(const Extents& scope, const KnownTiles& known) const {
    auto same_extent = [&](const auto& e) {
        auto found = scope.find(e.first);
        return found != scope.end() && found->second == e.second;
    };
    auto same_tile = [&](const auto& t) {
        auto found = known.find(t.first);
        return found == known.end() ? !t.second : t.second && found->second == *t.second;
    };
    return std::all_of(extents.begin(), extents.end(), same_extent) &&
           std::all_of(tiles.begin(), tiles.end(), same_tile);
}

double footprint_bytes(const Touches& touches) {
    double sum = 0;
    for (const auto& [name, touch] : touches) sum += touch.lines_bytes;
    return sum;
}

int64_t elements(const Touch& t) {
    int64_t n = 0;
    for (const Box& b : t.boxes) n += b.elements();
    return n;
}

LoopOf loop_of(const Stmt& s) {
    if (auto* p = std::get_if<Parallel>(&s.node)) return {p->axis, p->extent.value(), &p->body};
    if (auto* f = std::get_if<For>(&s.node)) return {f->axis, f->extent.value(), &f->body};
    return {};
}

Extents with(Extents scope, const LoopOf& loop) {
    scope[loop.axis] = loop.extent;
    return scope;
}

}  // namespace smeaton::gir::cache
