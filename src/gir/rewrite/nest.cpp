#include "gir/rewrite/nest.h"

#include <algorithm>

#include "base/error.h"
#include "gir/names.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

LoopNest nest_of(const StmtPtr& s, bool parallel_only) {
    LoopNest nest;
    nest.loops.reserve(8);
    const Block whole{s};
    const Block* body = &whole;
    while (body->size() == 1) {
        const Stmt& inner = *body->front();
        if (auto* p = std::get_if<Parallel>(&inner.node))
            nest.loops.push_back({p->axis, p->extent, true, p->scope, {}, {}, 1});
        else if (auto* f = std::get_if<For>(&inner.node); f && !parallel_only)
            nest.loops.push_back({f->axis, f->extent, false, Name(), f->from, f->to, f->unroll});
        else
            break;
        body = body_of(inner);
    }
    nest.body = *body;
    return nest;
}

Block wrap(const Loop& loop, Block body) {
    if (loop.parallel) return {stmt(Parallel{loop.axis, loop.extent, loop.scope, std::move(body)})};
    return {stmt(For{loop.axis, loop.extent, loop.from, loop.to, loop.unroll, std::move(body)})};
}

Block build(const LoopNest& nest) {
    Block block = nest.body;
    for (size_t i = nest.loops.size(); i-- > 0;) block = wrap(nest.loops[i], std::move(block));
    return block;
}

namespace {

bool targets_any(const Slice& s, const std::set<Name>& names) {
    if (names.count(s.target) > 0) return true;
    for (const Coord& c : s.at)
        if (c.index && targets_any(*c.index, names)) return true;
    return false;
}

bool operand_varies(const Operand& o, Name axis, const std::set<Name>& varying) {
    auto* s = std::get_if<Slice>(&o);
    return s && (uses(*s, axis) || targets_any(*s, varying));
}

bool op_varies(const Op& op, Name axis, const std::set<Name>& varying) {
    if (op.value.uses(axis)) return true;
    if (uses(op.dst, axis) || targets_any(op.dst, varying)) return true;
    if (op.payload && (uses(*op.payload, axis) || targets_any(*op.payload, varying))) return true;
    for (const Operand& o : op.srcs)
        if (operand_varies(o, axis, varying)) return true;
    return false;
}

// Tiles of the body whose content differs between iterations of the axis: a fixpoint over the ops.
std::set<Name> varying_tiles(const Block& body, Name axis, const std::set<Name>& own) {
    std::set<Name> varying;
    for (bool again = true; again;) {
        size_t before = varying.size();
        for_each_op(body, [&](const Op& op) {
            if (!op_varies(op, axis, varying)) return;
            if (own.count(op.dst.target) > 0) varying.insert(op.dst.target);
            if (op.payload && own.count(op.payload->target) > 0) varying.insert(op.payload->target);
        });
        again = varying.size() != before;
    }
    return varying;
}

/// Does an iteration go on from what the one before left, of what is the same in all? A sum then
/// takes as many of the same as there are iterations.
bool goes_on(const Block& body, Name axis, const std::set<Name>& varying,
             const std::set<Name>& own) {
    std::set<Name> left;
    for_each_op(body, [&](const Op& op) {
        if (op_varies(op, axis, varying)) return;
        for_each_slice(op, [&](const Slice& s, bool written) {
            if (written && own.count(s.target) == 0) left.insert(s.target);
        });
    });
    bool found = false;
    for_each_op(body, [&](const Op& op) {
        const bool combines =
            op.accumulate || (op.kind == OpKind::Scatter && op.fn != ScalarFn::copy);
        for_each_slice(op, [&](const Slice& s, bool written) {
            found = found || ((!written || combines) && left.count(s.target) > 0);
        });
    });
    return found;
}

void index_by(Slice& s, Name axis, const std::set<Name>& varying) {
    for (Coord& c : s.at)
        if (c.index) {
            Slice inner = *c.index;
            index_by(inner, axis, varying);
            c.index = std::make_shared<const Slice>(std::move(inner));
        }
    if (varying.count(s.target) > 0) s.at.emplace_back(Affine(axis));
}

struct Absorber {
    Name axis;
    Dim extent;
    bool lanes;
    std::set<Name> varying;
    std::set<Name> own;
    bool possible = true;

    Block operator()(const StmtPtr& s) {
        if (auto* let = std::get_if<Let>(&s->node)) return absorb_let(s, *let);
        if (auto* op = std::get_if<Op>(&s->node)) return absorb_op(s, *op);
        if (auto* loop = std::get_if<For>(&s->node)) {
            for (const Affine& a : loop->from) possible = possible && !a.uses(axis);
            for (const Affine& a : loop->to) possible = possible && !a.uses(axis);
        }
        if (auto* check = std::get_if<Check>(&s->node)) return absorb_check(s, *check);
        return {s};
    }

    Block absorb_let(const StmtPtr& s, const Let& let) {
        if (let.source && uses(*let.source, axis)) possible = false;
        if (varying.count(let.tile.name) == 0) return {s};
        Let next = let;
        next.tile.dims.push_back({axis, extent});
        if (lanes) next.tile.lanes = static_cast<int>(next.tile.dims.size()) - 1;
        return {stmt(std::move(next))};
    }

    Block absorb_op(const StmtPtr& s, const Op& op) {
        if (!op_varies(op, axis, varying)) return {s};
        // A sum that goes on takes all iterations at once.
        const bool adds = op.kind == OpKind::Reduce && op.accumulate;
        bool into_tile_of_outer_block =
            !adds && varying.count(op.dst.target) == 0 && !uses(op.dst, axis);
        if (into_tile_of_outer_block || op.kind == OpKind::Scatter) {
            possible = false;
            return {s};
        }
        Op next = op;
        next.dims.push_back({axis, extent});
        index_by(next.dst, axis, varying);
        for (Operand& o : next.srcs)
            if (auto* slice = std::get_if<Slice>(&o)) index_by(*slice, axis, varying);
        if (next.payload) index_by(*next.payload, axis, varying);
        return {stmt(std::move(next))};
    }

    Block absorb_check(const StmtPtr& s, const Check& check) {
        if (!operand_varies(check.condition, axis, varying)) return {s};
        Check next = check;
        next.dims.push_back({axis, extent});
        if (auto* slice = std::get_if<Slice>(&next.condition)) index_by(*slice, axis, varying);
        return {stmt(std::move(next))};
    }
};

struct AxisWalker {
    const std::vector<AxisPlan>& plans;
    std::set<Name>& taken;
    const std::function<Block(const Block&, const Parts&)>& leaf;

    // What the loops around have to do with cores: `owed`, the scope of a parallel loop that has
    // come down to a single part. The next loop is shared out in its place, so that a tail is no
    // serial stretch, unless a loop further out is.
    struct Around {
        bool shared_out = false;
        Name owed;
        Around after(const AxisPlan& plan, bool single) const {
            if (shared_out || !plan.parallel) return *this;
            return single ? Around{false, plan.scope} : Around{true, Name()};
        }
    };

    Block from(size_t k, const Block& body, Parts parts, const Around& around) const {
        const Name owed = around.owed;
        if (k == plans.size()) {
            Block inside = leaf(body, parts);
            if (owed.empty()) return inside;
            return wrap({fresh("once", taken), Dim(1), true, owed, {}, {}, 1}, inside);
        }
        AxisPlan plan = plans[k];
        if (!plan.parallel && !owed.empty()) {
            plan.parallel = true;
            plan.scope = owed;
        }
        Around single = around.after(plan, true), several = around.after(plan, false);
        // What cores share out is a block already.
        const bool apart = plan.apart && single.owed.empty() && plan.extent % plan.part != 0;
        if (plan.part == 1) {
            Loop loop{plan.axis, Dim(plan.extent), plan.parallel, plan.scope, {}, {}, 1};
            if (plan.extent == 1) return from(k + 1, at(body, plan.axis, Affine(0)), parts, single);
            return wrap(loop, from(k + 1, body, parts, several));
        }
        int64_t whole = plan.extent / plan.part, rest = plan.extent % plan.part;
        Block block;
        if (whole > 0) {
            parts[plan.axis] = plan.part;
            if (whole == 1) {
                block = from(k + 1, body, parts, single);
                if (apart) block = in_own_block(block);
            } else {
                Name outer = fresh(plan.axis.str() + "0", taken);
                Block inner = at(body, plan.axis, Affine(outer, plan.part) + Affine(plan.axis));
                block = wrap({outer, Dim(whole), plan.parallel, plan.scope, {}, {}, 1},
                             from(k + 1, inner, parts, several));
            }
        }
        if (rest > 0) {
            parts[plan.axis] = rest;
            Affine offset = rest == 1 ? Affine(0) : Affine(plan.axis);
            Block tail =
                from(k + 1, at(body, plan.axis, offset + Affine(whole * plan.part)), parts, single);
            tail = apart && whole > 0 ? in_own_block(tail) : with_own_tiles(block, tail);
            block.insert(block.end(), tail.begin(), tail.end());
        }
        return block;
    }

    Block in_own_block(const Block& body) const {
        return wrap({fresh("once", taken), Dim(1), false, {}, {}, {}, 1}, body);
    }

    /// Tiles of `first` live on where `then` follows it in the same block, so that `then` calls its
    /// own something else.
    Block with_own_tiles(const Block& first, const Block& then) const {
        std::set<Name> inner = tiles_declared(then);
        OtherNames names;
        for (const StmtPtr& s : first)
            if (auto* let = std::get_if<Let>(&s->node); let && inner.count(let->tile.name) > 0)
                names.emplace(let->tile.name, fresh(let->tile.name, taken));
        return rename_targets(then, names);
    }

    static Block at(const Block& body, Name axis, const Affine& value) {
        if (value.single_var() == axis) return body;
        return substitute(body, {{axis, value}});
    }
};

}  // namespace

Block walk_axes(const std::vector<AxisPlan>& plans, const Block& body, std::set<Name>& taken,
                const std::function<Block(const Block&, const Parts&)>& leaf) {
    return AxisWalker{plans, taken, leaf}.from(0, body, {}, {});
}

std::optional<Block> absorb(const Block& body, Name axis, const Dim& extent, bool lanes) {
    Absorber absorber{axis, extent, lanes, {}, tiles_declared(body)};
    absorber.varying = varying_tiles(body, axis, absorber.own);
    if (goes_on(body, axis, absorber.varying, absorber.own)) return std::nullopt;
    Block out = map_stmts(body, [&](const StmtPtr& s) { return absorber(s); });
    if (!absorber.possible) return std::nullopt;
    return out;
}

namespace {

std::vector<NamedDim>::iterator dim_of(Op& op, Name dim) {
    auto at = std::find_if(op.dims.begin(), op.dims.end(),
                           [&](const NamedDim& d) { return d.name == dim; });
    SMEATON_CHECK(at != op.dims.end(), "the op has no dim {}", dim);
    return at;
}

// The op with `dim` covering only [offset, offset + extent); extent 1 removes the dim.
Op part_of(Op op, Name dim, const Affine& offset, int64_t extent) {
    auto at = dim_of(op, dim);
    Affine within = offset;
    if (extent == 1) {
        op.dims.erase(at);
    } else {
        at->extent = Dim(extent);
        within += Affine(dim);
    }
    return substitute(op, {{dim, within}});
}

Block cut_from(const Op& op, const std::vector<Cut>& cuts, size_t k, std::set<Name>& taken) {
    if (k == cuts.size()) return {stmt(op)};
    const Cut& cut = cuts[k];
    Op work = op;
    auto present = std::find_if(work.dims.begin(), work.dims.end(),
                                [&](const NamedDim& d) { return d.name == cut.dim; });
    if (present == work.dims.end()) return cut_from(op, cuts, k + 1, taken);  // cut away already
    int64_t extent = present->extent.value();
    int64_t whole = extent / cut.part, rest = extent % cut.part;
    Block block;
    if (whole == 1) {
        block = cut_from(part_of(op, cut.dim, Affine(0), cut.part), cuts, k + 1, taken);
    } else if (whole > 1) {
        Name axis = fresh(fmt::format("{}_{}", cut.dim, k), taken);
        Op inner = part_of(op, cut.dim, Affine(axis, cut.part), cut.part);
        block = {stmt(For{axis, Dim(whole), {}, {}, 1, cut_from(inner, cuts, k + 1, taken)})};
    }
    if (rest > 0) {
        Block tail =
            cut_from(part_of(op, cut.dim, Affine(whole * cut.part), rest), cuts, k + 1, taken);
        block.insert(block.end(), tail.begin(), tail.end());
    }
    return block;
}

}  // namespace

Block cut_op(const Op& op, const std::vector<Cut>& cuts, std::set<Name>& taken) {
    return cut_from(op, cuts, 0, taken);
}

}  // namespace smeaton::gir::rewrite
