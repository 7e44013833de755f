#include "gir/rewrite/tile_mma.h"

#include <algorithm>

#include "base/error.h"
#include "gir/layout.h"
#include "gir/rewrite/access.h"
#include "gir/rewrite/leaf.h"
#include "gir/rewrite/mma_tiler.h"
#include "gir/rewrite/nest.h"
#include "gir/rewrite/rules.h"
#include "gir/rewrite/tile_choice.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

namespace {

// Passes over an operand that changes behind which it is laid out anew in each run, wherever its
// lines lie. Seen on one machine: up to 64 rows packing costs up to four times the product, at 256
// it still loses 13 to 33 %, at 2,000 it wins where the operand is read across its rows.
constexpr double kPassesWorthPacking = 64;
// How often packing must be earned back where lines that lie apart push each other out: what is
// expected of it comes from the figures of a common CPU.
constexpr double kPackingEarned = 2;

}  // namespace

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
    if (lane.empty()) return false;
    bool in_a = uses(a, lane), in_b = uses(b, lane);
    if (!in_a && !in_b) return false;
    if (shape.holds_b && in_a && !in_b && !has_columns()) {
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

namespace {

// Logical dim of `vec` that walks `var` alone (unit coefficient, multiples of `block` beside it).
int dim_walked_by(const Slice& s, Name var, int64_t block) {
    int found = -1;
    for (size_t i = 0; i < s.at.size(); ++i) {
        const Affine& a = s.at[i].affine;
        if (s.at[i].index || !a.uses(var)) continue;
        if (found >= 0 || a.coefficient(var) != 1 || a.constant % block != 0) return -1;
        for (const Term& t : a.terms)
            if (t.var != var && t.coefficient % block != 0) return -1;
        found = static_cast<int>(i);
    }
    return found;
}

}  // namespace

// How often a panel is gone through.
double MmaTiler::passes_of_panel() const {
    int64_t rows = 1;
    for (const Loop& l : nest.loops)
        if (!uses(vec, l.axis)) rows *= l.extent.value();
    return static_cast<double>(rows) / static_cast<double>(tile.rows);
}

// Of the whole contraction and the lanes in hand.
int64_t MmaTiler::panel_elements() const {
    int64_t elements = lane_part();
    for (const NamedDim& d : contracted)
        if (uses(vec, d.name)) elements *= d.extent.value();
    return elements;
}

// A weight is packed once, a state in each run.
bool MmaTiler::worth_packing(const Buffer& source) const {
    if (source.lifetime == Lifetime::Weight) return true;
    if (source.lifetime != Lifetime::State || changed.count(root_of(program, source.name)) > 0)
        return false;
    if (passes_of_panel() > kPassesWorthPacking) return true;
    const double passes =
        passes_of_panel() * static_cast<double>(extent(lane)) / static_cast<double>(lane_part());
    const TargetLevel& memory = target.outermost();
    if (memory.read_bytes_per_cycle <= 0 || memory.write_bytes_per_cycle <= 0) return false;
    const auto bytes = static_cast<double>(physical_bytes(source).value());
    const double packing_cycles =
        bytes / memory.read_bytes_per_cycle + bytes / memory.write_bytes_per_cycle;
    return passes * cycles_of_conflicts(source) > kPackingEarned * packing_cycles;
}

// Elements from one step of the contraction to the next in memory, the least of its dims; 0 where
// the layout cuts them.
int64_t MmaTiler::step_elements(const Buffer& source) const {
    int64_t least = 0;
    for (const NamedDim& d : contracted) {
        if (!uses(vec, d.name) || d.extent.value() == 1) continue;
        const int dim = dim_walked_by(vec, d.name, 1);
        for (const MemoryPart& part : memory_parts(source)) {
            if (part.dim != dim) continue;
            if (part.mod != 0 || part.div != 1) return 0;
            least = least == 0 ? part.stride : std::min(least, part.stride);
        }
    }
    return least;
}

// What a pass over the panel waits for the level behind its own, since rows that lie a multiple of
// many lines apart meet in few of a cache's sets: with r lines a row and rows s lines apart, whose
// largest power of two is p, the panel takes as much room as p / r of it, wherever that is above 1.
double MmaTiler::cycles_of_conflicts(const Buffer& source) const {
    const TargetLevel& level = target.panel_level(vec_role);
    const double behind = target.outwards_of(level).read_bytes_per_cycle;
    const int64_t step_bytes = tensor::byte_count(source.dtype, step_elements(source));
    if (level.software_managed || behind <= 0 || step_bytes % level.line_bytes != 0) return 0;
    const int64_t apart = step_bytes / level.line_bytes;  // lines
    if (apart == 0) return 0;
    const int64_t row_bytes = tensor::byte_count(source.dtype, lane_part());
    const int64_t row = (row_bytes + level.line_bytes - 1) / level.line_bytes;
    const int64_t met = std::max<int64_t>(1, (apart & -apart) / row);
    const int64_t bytes = tensor::byte_count(source.dtype, panel_elements());
    if (level.capacity.holds(bytes * met)) return 0;
    const double macs_per_cycle =
        shape.per_cycle * static_cast<double>(shape.rows * shape.columns * shape.group);
    const double product = static_cast<double>(panel_elements() * tile.rows) / macs_per_cycle;
    return std::max(0.0, static_cast<double>(bytes) / behind - product);
}

// A weight gets the layout in which the loops will read it: lane panels outermost, then the cuts of
// the contraction from outermost to innermost, then the lanes of a panel.
void MmaTiler::pack_or_stage() {
    const Buffer& source = program.buffer(vec.target);
    int64_t block = lane_part();
    block = (block + panel_lanes() - 1) / panel_lanes() * panel_lanes();
    int lane_dim = dim_walked_by(vec, lane, block);
    // What may be read in the border of a weight would be lost.
    bool packable = worth_packing(source) && lane_dim >= 0 && !vec.within && !source.layout.border;
    std::vector<int> order;
    for (const NamedDim& d : contracted) {
        int dim = dim_walked_by(vec, d.name, 1);
        if (uses(vec, d.name)) packable = packable && dim >= 0;
        order.push_back(dim);
    }
    if (!packable) {
        staged = broadcast && !lane.empty() && !runs_along(program, vec, lane);
        for (const Coord& c : vec.at) staged = staged && !c.index;
        return;
    }
    Layout layout;
    auto placed = [&](int dim) {
        return std::any_of(layout.dims.begin(), layout.dims.end(),
                           [&](const PhysicalDim& p) { return p.dim == dim; });
    };
    layout.dims.push_back({lane_dim, block, 0, 0, 0});
    std::vector<Cut> walk = cuts(mma);
    for (size_t k = 0; k < walk.size(); ++k) {
        size_t at = 0;
        while (contracted[at].name != walk[k].dim) ++at;
        int dim = order[at];
        if (dim < 0) continue;
        bool again = false;  // a dim cut twice is walked in blocks here and within a block later
        for (size_t j = k + 1; j < walk.size(); ++j) again = again || walk[j].dim == walk[k].dim;
        if (placed(dim)) {
            int64_t mod = 0;
            for (size_t j = 0; j < k; ++j)
                if (walk[j].dim == walk[k].dim) mod = walk[j].part;
            layout.dims.push_back({dim, 1, mod, 0, 0});
        } else {
            layout.dims.push_back({dim, again ? walk[k].part : 1, 0, 0, 0});
        }
    }
    for (int dim : order)
        if (dim >= 0 && !placed(dim)) layout.dims.push_back({dim, 1, 0, 0, 0});
    for (size_t i = source.dims.size(); i-- > 0;)
        if (!placed(static_cast<int>(i)))
            layout.dims.insert(layout.dims.begin(), {static_cast<int>(i), 1, 0, 0, 0});
    layout.dims.push_back({lane_dim, 1, block, 0, 0});
    layout.border = Literal::of(0);
    Buffer packed = source;
    packed.name = fresh(source.name.str() + "_packed", taken);
    packed.layout = layout;
    packed.data.reset();
    if (packed.lifetime == Lifetime::State) packed.lifetime = Lifetime::Temp;
    packed.alias_of = Name();
    vec.target = packed.name;
    packings.push_back({source.name, packed});
}

std::vector<AxisPlan> MmaTiler::plan_axes() const {
    int64_t panel = tensor::byte_count(vec_dtype, lane_part());
    for (const NamedDim& d : contracted) panel *= d.extent.value();
    int64_t lane_parts = (extent(lane) + lane_part() - 1) / lane_part();
    auto bytes = [&](const Slice& s) { return logical_bytes(program.buffer(s.target)).value(); };
    std::vector<AxisPlan> batch, rows, streaming;
    AxisPlan lanes{lane, extent(lane), lane_part(), false, ""}, inner_row;
    int64_t outer_rows = 1, batches = 1;
    for (const Loop& l : nest.loops) {
        AxisPlan plan{l.axis, l.extent.value(), 1, false, ""};
        if (l.axis == lane) continue;
        if (l.axis == row) {
            plan.part = tile.rows;
            inner_row = plan;
        } else if (auto more = more_rows.find(l.axis); more != more_rows.end()) {
            plan.part = more->second;
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
    int64_t lanes_outside = room.holds(2 * bro_bytes) ? 0 : lane_parts * bro_bytes;
    int64_t rows_outside = room.holds(2 * vec_bytes) ? 0 : outer_rows * vec_bytes;
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
    int64_t iterations = 1;
    for (AxisPlan& plan : plans) {
        if (iterations >= target.cores * kIterationsPerCore) break;
        plan.parallel = true;
        plan.scope = target.core_scope();
        iterations *= std::max<int64_t>(1, plan.extent / plan.part);
        if (staged && !inside && plan.axis == lane) break;
    }
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
const TargetLevel& MmaTiler::level_of_panel(const Tile& panel) const {
    const int64_t bytes = bytes_of(panel);
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
    panel.level = level_of_panel(panel).name;
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
