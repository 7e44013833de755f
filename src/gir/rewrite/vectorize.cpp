#include "gir/rewrite/vectorize.h"

#include <algorithm>

#include "gir/layout.h"
#include "gir/rewrite/access.h"
#include "gir/rewrite/leaf.h"
#include "gir/rewrite/nest.h"
#include "gir/rewrite/rules.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

namespace {

// Vectors per pass: enough independent work to fill the pipes, few enough for the register file.
constexpr int64_t kShortBodyOps = 8;
constexpr int64_t kVectorsOfShortBody = 2;

bool nest_is_const(const LoopNest& nest) {
    return std::all_of(nest.loops.begin(), nest.loops.end(),
                       [](const Loop& l) { return l.extent.is_const() && l.extent.value() > 0; });
}

// Scalars and single vectors go to registers, larger tiles to the first level that takes them
// twice.
Name level_for(const Tile& tile, const Target& target, const Capacity& registers,
               std::map<Name, int64_t>& placed) {
    bool in_registers = tile.dims.empty() || (tile.dims.size() == 1 && tile.lanes == 0);
    int64_t bytes = bytes_of(tile);
    if (in_registers && registers.holds(4 * bytes)) return target.registers().name;
    const TargetLevel* level = &target.memory_for(OperandRole::Vector, bytes);
    auto full = [&] { return !level->capacity.holds(placed[level->name] + bytes); };
    while (full() && level != &target.outermost()) level = &target.outwards_of(*level);
    placed[level->name] += bytes;
    return level->name;
}

// `placed`: bytes of the tiles that live at each level.
Block place_tiles(const Block& body, const Target& target, std::map<Name, int64_t>& placed) {
    // Several tiles live at once: a quarter of the register file for each.
    const Capacity& registers = target.registers().capacity;
    return map_stmts(body, [&](const StmtPtr& s) -> Block {
        auto* let = std::get_if<Let>(&s->node);
        if (!let || let->tile.level != Name("local")) return {s};
        Let next = *let;
        bool is_row = !next.tile.dims.empty() && next.tile.lanes < 0;
        next.tile.level = level_for(next.tile, target, registers, placed);
        if (is_row) next.tile.lanes = static_cast<int>(next.tile.dims.size()) - 1;
        return {stmt(std::move(next))};
    });
}

// Lanes of the dtype that has most: wider elements take several vectors at a turn. At least those
// of f32.
int64_t widest_lanes(const Program& program, const Block& body, const Target& target) {
    int64_t lanes = target.lanes(DType::kF32);
    auto note = [&](DType dtype) { lanes = std::max(lanes, target.lanes(dtype)); };
    for_each_op(body, [&](const Op& op) {
        for_each_slice(op, [&](const Slice& s, bool) {
            if (const Buffer* b = program.find_buffer(s.target)) note(b->dtype);
        });
    });
    return lanes;
}

int64_t count_ops(const Block& body) {
    int64_t count = 0;
    for_each_op(body, [&](const Op&) { ++count; });
    return count;
}

bool has_special(const Block& body) {
    bool found = false;
    for_each_op(body, [&](const Op& op) {
        bool scalar = op.kind == OpKind::Unary || op.kind == OpKind::Binary;
        found = found || (scalar && op_class(op.fn) == LedgerClass::Special);
    });
    return found;
}

void share_out(std::vector<AxisPlan>& plans, const Target& target) {
    int64_t iterations = 1;
    for (AxisPlan& plan : plans) {
        if (iterations >= target.cores * kIterationsPerCore) break;
        plan.parallel = true;
        plan.scope = target.core_scope();
        iterations *= std::max<int64_t>(1, plan.extent / plan.part);
    }
}

struct Vectorizer {
    const Program& program;
    const Target& target;
    std::set<Name>& taken;
    std::map<Name, int64_t>& placed;

    // A nest: the outermost is shared out over cores, those inside a kernel's body stay serial.
    Block nest_block(const StmtPtr& s, bool outermost, bool lanes_free) {
        LoopNest nest = nest_of(s, true);
        if (nest.loops.empty() || !nest_is_const(nest)) return place_tiles({s}, target, placed);
        Name lane = lanes_free ? lane_axis(program, nest) : Name();
        if (!lane.empty() && !absorb(nest.body, lane, Dim(2), true)) lane = Name();
        int64_t width = widest_lanes(program, nest.body, target);
        if (count_ops(nest.body) <= kShortBodyOps && !has_special(nest.body))
            width *= kVectorsOfShortBody;
        std::vector<AxisPlan> plans;
        for (const Loop& l : nest.loops) {
            AxisPlan plan{l.axis, l.extent.value(), 1, false, ""};
            if (l.axis == lane) plan.part = std::min(width, plan.extent);
            plans.push_back(plan);
        }
        if (outermost) share_out(plans, target);
        bool still_free = lanes_free && lane.empty();
        return walk_axes(plans, nest.body, taken, [&](const Block& body, const Parts& parts) {
            auto at = parts.find(lane);
            bool whole = at == parts.end() || at->second == 1;
            return inside(whole ? body : *absorb(body, lane, Dim(at->second), true), still_free);
        });
    }

    Block inside(const Block& body, bool lanes_free) {
        Block out;
        const std::map<Name, int64_t> around = placed;
        for (const StmtPtr& s : place_tiles(body, target, placed)) {
            if (!std::holds_alternative<Parallel>(s->node)) {
                out.push_back(s);
                continue;
            }
            Block inner = nest_block(s, false, lanes_free);
            out.insert(out.end(), inner.begin(), inner.end());
        }
        placed = around;
        return out;
    }
};

}  // namespace

Name lane_axis(const Program& program, const LoopNest& nest) {
    for (size_t i = nest.loops.size(); i-- > 0;) {
        Name axis = nest.loops[i].axis;
        if (nest.loops[i].extent.value() == 1) continue;
        bool along = false, against = false;
        for_each_op(nest.body, [&](const Op& op) {
            if (program.find_buffer(op.dst.target) || uses(op.dst, axis))
                (runs_along(program, op.dst, axis) ? along : against) = true;
        });
        if (along && !against) return axis;
    }
    return Name();
}

Block vectorize(const Program& program, const StmtPtr& s, const Target& target,
                std::set<Name>& taken, std::map<Name, int64_t>& placed) {
    return Vectorizer{program, target, taken, placed}.nest_block(s, true, true);
}

}  // namespace smeaton::gir::rewrite
