#include "gir/interp/widen.h"

#include <algorithm>
#include <set>

#include "gir/names.h"
#include "gir/walk.h"

namespace smeaton::gir::interp {

namespace {

constexpr int64_t kNarrowPoints = 512;  // ops of more points gain nothing
constexpr int64_t kWidePoints = 2048;   // points of an op after widening, about
constexpr int64_t kTileElements = 1 << 20;

std::optional<int64_t> points_of(const std::vector<NamedDim>& dims, const Bindings& bindings) {
    int64_t n = 1;
    for (const NamedDim& d : dims) {
        Dim e = d.extent.bind(bindings);
        if (!e.is_const()) return std::nullopt;
        n *= e.value();
    }
    return n;
}

// What a body needs to be widened over an axis.
struct Survey {
    bool possible = true;
    int64_t points = 1;         // of the largest op
    int64_t tile_elements = 0;  // of all local tiles
    std::set<Name> tiles;       // local tiles that each iteration has its own of
};

class Surveyor {
public:
    Surveyor(Name axis, const Bindings& bindings) : axis_(axis), bindings_(bindings) {}

    Survey survey(const Block& block) {
        visit_block(block);
        for_each_op(block, [&](const Op& op) {
            bool own = result_.tiles.count(op.dst.target) > 0;
            if (!own && !walks(op.dst, axis_)) result_.possible = false;
        });
        return result_;
    }

private:
    void visit_block(const Block& block) {
        for (const StmtPtr& s : block) std::visit([&](const auto& node) { visit(node); }, s->node);
    }
    void visit(const Parallel&) { result_.possible = false; }
    void visit(const Check&) { result_.possible = false; }
    void visit(const Prefetch&) {}
    void visit(const For& f) {
        for (const Affine& a : f.from)
            if (a.uses(axis_)) result_.possible = false;
        for (const Affine& a : f.to)
            if (a.uses(axis_)) result_.possible = false;
        visit_block(f.body);
    }
    void visit(const Let& let) {
        if (let.constant) return;
        std::optional<int64_t> n = points_of(let.tile.dims, bindings_);
        if (!n || !let.ring.empty() || let.depth > 1) result_.possible = false;
        result_.tile_elements += n.value_or(0);
        result_.tiles.insert(let.tile.name);
    }
    void visit(const Op& op) {
        std::optional<int64_t> n = points_of(op.dims, bindings_);
        if (!n || op.kind == OpKind::Scatter || op.kind == OpKind::Sort) result_.possible = false;
        result_.points = std::max(result_.points, n.value_or(0));
    }

    Name axis_;
    const Bindings& bindings_;
    Survey result_;
};

Slice with_lane(Slice s, Name lane, const std::set<Name>& tiles) {
    if (tiles.count(s.target) > 0) s.at.insert(s.at.begin(), Coord(lane));
    for (Coord& c : s.at)
        if (c.index) c.index = std::make_shared<const Slice>(with_lane(*c.index, lane, tiles));
    return s;
}

Op with_lane(Op op, const NamedDim& lane, const std::set<Name>& tiles) {
    op.dims.insert(op.dims.begin(), lane);
    op.dst = with_lane(std::move(op.dst), lane.name, tiles);
    for (Operand& o : op.srcs)
        if (auto* s = std::get_if<Slice>(&o)) *s = with_lane(std::move(*s), lane.name, tiles);
    return op;
}

// The body with `lane` as one more dim of every op and local tile; the axis is `value`.
Block with_lane(const Block& body, Name axis, const Affine& value, const NamedDim& lane,
                const std::set<Name>& tiles) {
    return map_stmts(substitute(body, {{axis, value}}), [&](const StmtPtr& s) -> Block {
        if (auto* op = std::get_if<Op>(&s->node)) return {stmt(with_lane(*op, lane, tiles))};
        if (auto* let = std::get_if<Let>(&s->node); let && !let->constant) {
            Let wide = *let;
            wide.tile.dims.insert(wide.tile.dims.begin(), lane);
            wide.tile.lanes = -1;
            if (wide.source) wide.source = with_lane(std::move(*wide.source), lane.name, tiles);
            return {stmt(std::move(wide))};
        }
        return {s};
    });
}

// A block of its own, so that its tiles stay apart from their neighbours.
StmtPtr scoped(Name axis, Block body) {
    For once;
    once.axis = axis;
    once.extent = Dim(1);
    once.body = std::move(body);
    return stmt(std::move(once));
}

Block widened(const Parallel& p, const StmtPtr& unchanged, const Bindings& bindings) {
    Dim bound = p.extent.bind(bindings);
    if (!bound.is_const() || bound.is(0)) return {unchanged};
    int64_t extent = bound.value();
    Name lane(p.axis.str() + "~lane"), part(p.axis.str() + "~part");
    if (extent == 1) return {scoped(part, substitute(p.body, {{p.axis, Affine(0)}}))};
    Survey survey = Surveyor(p.axis, bindings).survey(p.body);
    if (!survey.possible || survey.points > kNarrowPoints) return {unchanged};
    int64_t width = std::min(extent, kWidePoints / std::max<int64_t>(survey.points, 1));
    if (survey.tile_elements > 0) width = std::min(width, kTileElements / survey.tile_elements);
    if (width < 2) return {unchanged};

    Block out;
    Parallel parts = p;
    parts.axis = part;
    parts.extent = Dim(extent / width);
    parts.body = with_lane(p.body, p.axis, Affine(part, width) + Affine(lane), {lane, Dim(width)},
                           survey.tiles);
    out.push_back(stmt(std::move(parts)));
    if (int64_t rest = extent % width; rest > 0) {
        Affine value = Affine(lane) + Affine(extent - rest);
        out.push_back(
            scoped(part, with_lane(p.body, p.axis, value, {lane, Dim(rest)}, survey.tiles)));
    }
    // One part only: a plain scope, so that a parallel around it can be widened too.
    if (extent == width) {
        Block only = substitute(std::get<Parallel>(out[0]->node).body, {{part, Affine(0)}});
        return {scoped(part, std::move(only))};
    }
    return out;
}

}  // namespace

Block widen(const Block& block, const Bindings& bindings) {
    return map_stmts(block, [&](const StmtPtr& s) -> Block {
        auto* p = std::get_if<Parallel>(&s->node);
        return p ? widened(*p, s, bindings) : Block{s};
    });
}

}  // namespace smeaton::gir::interp
