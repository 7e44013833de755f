#include "gir/rewrite/tile_mma.h"

#include <algorithm>

#include "base/error.h"
#include "gir/layout.h"
#include "gir/rewrite/access.h"
#include "gir/rewrite/leaf.h"
#include "gir/rewrite/mma_tiler.h"
#include "gir/rewrite/nest.h"
#include "gir/rewrite/scopes.h"
#include "gir/rewrite/tile_choice.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

// True when all loops are const and parallel and the body is one contraction into its own scalar
// tile.
bool MmaTiler::analyse(const StmtPtr& s) {
    nest = nest_of(s, true);
    for (const Loop& l : nest.loops)
        if (!l.extent.is_const() || l.extent.value() == 0) return false;
    const Op* found = only_mma(nest.body);
    if (!found || nest.loops.empty()) return false;
    for (const StmtPtr& inner : nest.body)
        if (std::holds_alternative<Parallel>(inner->node) ||
            std::holds_alternative<For>(inner->node))
            return false;
    mma = *found;
    if (!mma.dst.at.empty()) return false;
    if (tiles_declared(nest.body).count(mma.dst.target) == 0) return false;
    for (const Operand& o : mma.srcs) {
        auto* slice = std::get_if<Slice>(&o);
        if (!slice || !program.find_buffer(slice->target)) return false;
    }
    for (const NamedDim& d : mma.dims) {
        if (!d.extent.is_const() || d.extent.value() == 0) return false;
        contracted.push_back(d);
    }
    return true;
}

// The row of the table that takes these operands.
void MmaTiler::find_shape() {
    auto dtype_of = [&](size_t k) {
        return program.buffer(std::get<Slice>(mma.srcs[k]).target).dtype;
    };
    DType acc = DType::kF32;
    for (const StmtPtr& s : nest.body)
        if (auto* let = std::get_if<Let>(&s->node); let && let->tile.name == mma.dst.target)
            acc = let->tile.dtype;
    shape = target.shape_for(dtype_of(0), dtype_of(1), acc);
}

// Is there a dim that the second operand alone walks?
bool MmaTiler::has_columns() const {
    const auto& a = std::get<Slice>(mma.srcs[0]);
    const auto& b = std::get<Slice>(mma.srcs[1]);
    return std::any_of(nest.loops.begin(), nest.loops.end(), [&](const Loop& l) {
        return l.extent.value() > 1 && uses(b, l.axis) && !uses(a, l.axis);
    });
}

// Is there a dim that the first operand alone walks?
bool MmaTiler::has_rows() const {
    const auto& a = std::get<Slice>(mma.srcs[0]);
    const auto& b = std::get<Slice>(mma.srcs[1]);
    return std::any_of(nest.loops.begin(), nest.loops.end(), [&](const Loop& l) {
        return l.extent.value() > 1 && uses(a, l.axis) && !uses(b, l.axis);
    });
}

// The lane axis is the one along which the results lie in memory; without one, the longest axis
// that a single operand uses. A unit that holds its second operand, of which there is one column,
// has none: all else are rows that stream through.
bool MmaTiler::choose_lane() {
    const auto& a = std::get<Slice>(mma.srcs[0]);
    const auto& b = std::get<Slice>(mma.srcs[1]);
    auto stores_run_along = [&](Name axis) {
        bool along = false, against = false;
        for_each_op(nest.body, [&](const Op& op) {
            if (!program.find_buffer(op.dst.target)) return;
            (runs_along(program, op.dst, axis) ? along : against) = true;
        });
        return along && !against;
    };
    for (const Loop& l : nest.loops)
        if (l.extent.value() > 1 && stores_run_along(l.axis)) lane = l.axis;
    if (lane.empty())
        for (const Loop& l : nest.loops)
            if (uses(b, l.axis) && !uses(a, l.axis) && l.extent.value() > extent(lane))
                lane = l.axis;
    bool in_a = !lane.empty() && uses(a, lane), in_b = !lane.empty() && uses(b, lane);
    const bool lone_column = shape.holds_b && !has_columns();
    if (!in_a && !in_b && !(lone_column && lane.empty() && has_rows())) return false;
    if (lone_column && !in_b) {
        lane = Name();
        in_a = false;
        in_b = true;
    }
    vec = in_b ? b : a;
    vec_role = in_b ? OperandRole::B : OperandRole::A;
    vec_dtype = program.buffer(vec.target).dtype;
    bro = in_b ? a : b;
    broadcast = !(in_a && in_b);
    return true;
}

void MmaTiler::pack_or_stage() {
    int64_t block = lane_part();
    block = (block + panel_lanes() - 1) / panel_lanes() * panel_lanes();
    const PanelOperand panel{program, target, nest,         vec,         vec_role, contracted,
                             shape,   lane,   extent(lane), lane_part(), block,    tile.rows};
    if (!can_pack(panel, changed)) {
        staged = broadcast && !lane.empty() && !runs_along(program, vec, lane);
        for (const Coord& c : vec.at) staged = staged && !c.index;
        // One that would lie in memory feeds no array: parts of the operand are copied instead.
        if (shape.holds_b && &level_of_panel(panel_bytes()) == &target.outermost()) staged = false;
        return;
    }
    packings.push_back(packing_of(panel, cuts(mma), taken));
    vec.target = packings.back().packed.name;
}

/// Of the lanes in hand, by the whole contraction.
int64_t MmaTiler::panel_bytes() const {
    int64_t bytes = tensor::byte_count(vec_dtype, lane_part());
    for (const NamedDim& d : contracted)
        if (uses(vec, d.name)) bytes *= d.extent.value();
    return bytes;
}

std::vector<AxisPlan> MmaTiler::plan_axes() const {
    int64_t panel = tensor::byte_count(vec_dtype, lane_part());
    for (const NamedDim& d : contracted) panel *= d.extent.value();
    int64_t lane_parts = (extent(lane) + lane_part() - 1) / lane_part();
    auto bytes = [&](const Slice& s) { return logical_bytes(program.buffer(s.target)).value(); };
    std::vector<AxisPlan> batch, rows, streaming;
    AxisPlan lanes{lane, extent(lane), lane_part()}, inner_row;
    int64_t outer_rows = 1, batches = 1;
    for (const Loop& l : nest.loops) {
        AxisPlan plan{l.axis, l.extent.value()};
        if (l.axis == lane) continue;
        if (l.axis == row) {
            plan.part = tile.rows;
            plan.apart = shape.holds_b;
            inner_row = plan;
        } else if (auto more = more_rows.find(l.axis); more != more_rows.end()) {
            plan.part = more->second;
            plan.apart = shape.holds_b;
            streaming.push_back(plan);
        } else if (uses(bro, l.axis) && !uses(vec, l.axis)) {
            rows.push_back(plan);
            outer_rows *= plan.extent;
        } else {
            batch.push_back(plan);
            batches *= plan.extent;
        }
    }
    // Which operand is streamed once, and which again and again from the cache that holds it (or
    // not).
    const Capacity& room = target.panel_level(vec_role).capacity;
    int64_t vec_bytes = panel * lane_parts, bro_bytes = bytes(bro) / batches;
    const int64_t others = target.cores - 1;  // each of which fetches it again
    int64_t lanes_outside = (room.holds(2 * bro_bytes) ? others : lane_parts) * bro_bytes;
    int64_t rows_outside = (room.holds(2 * vec_bytes) ? others : outer_rows) * vec_bytes;
    bool rows_first =
        !staged && !rows.empty() && rows_outside <= lanes_outside && outer_rows >= target.cores;
    const bool inside = keeps_whole_panel();
    rows_first = rows_first || inside;
    std::vector<AxisPlan> plans = batch;
    if (rows_first) plans.insert(plans.end(), rows.begin(), rows.end());
    if (!inside) plans.push_back(lanes);
    if (!rows_first) plans.insert(plans.end(), rows.begin(), rows.end());
    plans.insert(plans.end(), streaming.begin(), streaming.end());
    if (!row.empty()) plans.push_back(inner_row);
    if (inside) plans.push_back(lanes);
    share_out(plans, target, staged && !inside ? lane : Name());
    return plans;
}

/// Parts of a contraction beside each other, each in a block of its own, where its operands can be
/// copied.
Block MmaTiler::in_blocks(const Block& parts) const {
    Block out;
    for (const StmtPtr& s : parts) {
        if (const Block* body = body_of(*s))
            out.push_back(with_body(*s, in_blocks(*body)));
        else if (parts.size() > 1)
            out.push_back(stmt(For{fresh("once", taken), Dim(1), {}, {}, 1, {s}}));
        else
            out.push_back(s);
    }
    return out;
}

// The body over one register tile: what comes up to the contraction runs over [row, lane]; a long
// epilogue runs row by row from a tile in the first cache.
Block MmaTiler::leaf(const Block& body, const Parts& parts) {
    auto find = [&](Name axis) {
        auto at = parts.find(axis);
        return at == parts.end() ? int64_t{1} : at->second;
    };
    RegisterBody registers{lane, find(lane), row, row.empty() ? 1 : find(row), shape.acc_in, {}};
    for (const Loop& l : nest.loops)
        if (more_rows.count(l.axis) > 0 && find(l.axis) > 1)
            registers.more_rows.push_back({l.axis, Dim(find(l.axis))});
    Block tiled = to_registers(body, registers, target, taken);
    return map_stmts(tiled, [&](const StmtPtr& s) -> Block {
        auto* op = std::get_if<Op>(&s->node);
        if (!op || op->kind != OpKind::Mma) return {s};
        const Block parts = cut_op(*op, cuts(*op), taken);
        return shape.holds_b ? in_blocks(parts) : parts;
    });
}

// A panel is read by every row tile: it lives where such things do, farther out if it is too large.
const TargetLevel& MmaTiler::level_of_panel(int64_t bytes) const {
    const TargetLevel* level = &target.panel_level(vec_role);
    auto holds = [&] {
        const bool alone = level->roles.size() == 1 && level->parts > 1;
        return level->capacity.holds((alone ? 1 : 2) * bytes);
    };
    while (level != &target.outermost() && !holds()) level = &target.outwards_of(*level);
    return *level;
}

// The vector operand gathered into a panel in which it runs along the lanes, once per lane part.
Block MmaTiler::stage(const Block& inner, int64_t lanes_in_hand, const Slice& source) {
    Tile panel;
    panel.name = fresh("panel", taken);
    panel.dtype = program.buffer(source.target).dtype;
    Slice to{panel.name, {}, {}};
    Op fill;
    fill.kind = OpKind::Move;
    fill.origins = mma.origins;
    auto add = [&](Name dim, int64_t extent) {
        panel.dims.push_back({dim, Dim(extent)});
        fill.dims.push_back({dim, Dim(extent)});
        to.at.emplace_back(Affine(dim));
    };
    for (const NamedDim& d : contracted)
        if (uses(source, d.name)) add(d.name, d.extent.value());
    if (lanes_in_hand > 1) {
        add(lane, lanes_in_hand);
        panel.lanes = static_cast<int>(panel.dims.size()) - 1;
    }
    panel.level = level_of_panel(bytes_of(panel)).name;
    fill.dst = to;
    fill.srcs = {source};
    Block reading = map_ops(inner, [&](const Op& op) {
        if (op.kind != OpKind::Mma) return op;
        Op next = op;
        for (Operand& o : next.srcs)
            if (auto* s = std::get_if<Slice>(&o); s && *s == source) *s = to;
        return next;
    });
    Block block{stmt(Let{panel}), stmt(fill)};
    block.insert(block.end(), reading.begin(), reading.end());
    return block;
}

/// All panels are laid out before anything streams; of what changes with the batch, for each.
Block MmaTiler::with_whole_panel(const std::vector<AxisPlan>& plans, const Block& body) {
    auto at = std::find_if(plans.begin(), plans.end(),
                           [&](const AxisPlan& p) { return p.axis == lane || !uses(vec, p.axis); });
    const std::vector<AxisPlan> outer(plans.begin(), at), inner(at, plans.end());
    return walk_axes(outer, body, taken, [&](const Block& b, const Parts&) {
        const auto source =
            std::get<Slice>(only_mma(b)->srcs.at(vec_role == OperandRole::B ? 1 : 0));
        const Block panelled = stage(b, extent(lane), source);
        Block out(panelled.begin(), panelled.begin() + 2);
        const Block rest(panelled.begin() + 2, panelled.end());
        const Block loops = walk_axes(
            inner, rest, taken, [&](const Block& c, const Parts& parts) { return leaf(c, parts); });
        out.insert(out.end(), loops.begin(), loops.end());
        return out;
    });
}

Block MmaTiler::run() {
    Block body = map_ops(nest.body, [&](const Op& op) {
        if (op.kind != OpKind::Mma) return op;
        Op next = op;
        for (Operand& o : next.srcs) {
            auto& s = std::get<Slice>(o);
            if (!packings.empty() && s.target == packings[0].source)
                s.target = packings[0].packed.name;
        }
        return next;
    });
    std::vector<AxisPlan> plans = plan_axes();
    auto leaf_of = [&](const Block& b, const Parts& p) { return leaf(b, p); };
    if (!staged) return walk_axes(plans, body, taken, leaf_of);
    if (keeps_whole_panel()) return with_whole_panel(plans, body);
    auto at = std::find_if(plans.begin(), plans.end(), [&](auto& p) { return p.axis == lane; });
    std::vector<AxisPlan> outer(plans.begin(), at + 1), inner(at + 1, plans.end());
    return walk_axes(outer, body, taken, [&](const Block& b, const Parts& outer_parts) {
        // As substituted by the loops so far.
        const auto source =
            std::get<Slice>(only_mma(b)->srcs.at(vec_role == OperandRole::B ? 1 : 0));
        auto found = outer_parts.find(lane);
        int64_t lanes_in_hand = found == outer_parts.end() ? 1 : found->second;
        Block panelled = stage(b, lanes_in_hand, source);
        Block head(panelled.begin(), panelled.begin() + 2);
        Block rest(panelled.begin() + 2, panelled.end());
        Block loops = walk_axes(inner, rest, taken, [&](const Block& c, const Parts& inner_parts) {
            Parts all = inner_parts;
            all.insert(outer_parts.begin(), outer_parts.end());
            return leaf(c, all);
        });
        head.insert(head.end(), loops.begin(), loops.end());
        return head;
    });
}

std::optional<TiledStmt> tile_mma(const Program& program, const StmtPtr& s, const Target& target,
                                  std::set<Name>& taken, const std::set<Name>& changed,
                                  bool weighs) {
    MmaTiler tiler{program, target, taken, changed, weighs};
    if (!tiler.analyse(s)) return std::nullopt;
    tiler.find_shape();
    if (!tiler.choose_lane()) return std::nullopt;
    tiler.choose_row();
    tiler.choose_more_rows();
    tiler.weigh_rows();
    tiler.pack_or_stage();
    Block block = tiler.run();
    const bool lone_column = tiler.shape.holds_b && (tiler.lane.empty() || !tiler.broadcast);
    return TiledStmt{std::move(block), std::move(tiler.packings), lone_column};
}

}  // namespace smeaton::gir::rewrite
