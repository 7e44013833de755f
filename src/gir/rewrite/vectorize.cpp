#include "gir/rewrite/vectorize.h"

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "gir/layout.h"
#include "gir/rewrite/access.h"
#include "gir/rewrite/leaf.h"
#include "gir/rewrite/lives.h"
#include "gir/rewrite/nest.h"
#include "gir/rewrite/scopes.h"
#include "gir/rewrite/stream.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

namespace {

// Vectors per pass: enough independent work to fill the pipes, few enough for the register file.
constexpr int64_t kShortBodyOps = 8;
constexpr int64_t kVectorsOfShortBody = 2, kMostVectors = 8;

// Elements stored along the lanes for each that goes element by element, for lanes to pay.
constexpr double kAlongToAcross = 64;

bool nest_is_const(const LoopNest& nest) {
    return std::all_of(nest.loops.begin(), nest.loops.end(),
                       [](const Loop& l) { return l.extent.is_const() && l.extent.value() > 0; });
}

// Scalars and single vectors go to registers, larger tiles to the first level that takes them
// twice.
Name level_for(const Tile& tile, const Target& target, const Capacity& registers,
               LiveBytes& placed) {
    bool in_registers = tile.dims.empty() || (tile.dims.size() == 1 && tile.lanes == 0) ||
                        (moves_beside_units(target) && tile.dims.size() >= 2 && tile.lanes >= 0);
    int64_t bytes = bytes_of(tile);
    if (in_registers && registers.holds(4 * bytes)) return target.registers().name;
    const Name level = level_beside(placed, bytes, target).name;
    placed[level] += bytes;
    return level;
}

// `placed`: bytes of the tiles that live at each level.
Block place_tiles(const Block& body, const Target& target, LiveBytes& placed) {
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

/// So many lanes; whole blocks of memory where they would end inside one: nothing tells then where
/// the next block begins, and what lies in blocks would go element by element.
int64_t lanes_of_whole_blocks(const Program& program, const Block& body, Name lane, int64_t width,
                              const Target& target) {
    const int64_t vector = target.lanes(DType::kF32);
    for_each_op(body, [&](const Op& op) {
        for_each_slice(op, [&](const Slice& s, bool) {
            const int64_t block = runs_along(program, s, lane) ? block_along(program, s, lane) : 0;
            const bool ends_inside = block > 0 && block % width != 0 && width % block != 0;
            if (ends_inside && block % vector == 0 && block <= kMostVectors * vector) width = block;
        });
    });
    return width;
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

// Elements stored along and across an axis by one turn of the nest's loops.
struct Stores {
    double along = 0, across = 0;
};

double turns_of(const Stmt& s) {
    const Dim* extent = nullptr;
    if (auto* loop = std::get_if<For>(&s.node)) extent = &loop->extent;
    if (auto* loop = std::get_if<Parallel>(&s.node)) extent = &loop->extent;
    return extent && extent->is_const() ? static_cast<double>(extent->value()) : 1;
}

void count_stores(const Program& program, const Block& body, Name axis, double turns,
                  Stores& stores) {
    for (const StmtPtr& s : body) {
        if (auto* op = std::get_if<Op>(&s->node)) {
            if (!program.find_buffer(op->dst.target) && !uses(op->dst, axis)) continue;
            double elements = turns;
            for (const NamedDim& d : op->dims)
                if (d.extent.is_const()) elements *= static_cast<double>(d.extent.value());
            (runs_along(program, op->dst, axis) ? stores.along : stores.across) += elements;
        } else if (const Block* inner = body_of(*s)) {
            count_stores(program, *inner, axis, turns * turns_of(*s), stores);
        }
    }
}

/// The axis along which most of what is stored runs, where no store shuns it altogether: of two
/// layouts of the same elements one is stored to across.
Name axis_most_along(const Program& program, const LoopNest& nest) {
    Name best;
    double most = 0;
    for (size_t i = nest.loops.size(); i-- > 0;) {
        const Loop& loop = nest.loops[i];
        if (loop.extent.value() == 1) continue;
        Stores stores;
        count_stores(program, nest.body, loop.axis, 1, stores);
        const double along = stores.along * static_cast<double>(loop.extent.value());
        if (along <= most) continue;
        best = loop.axis;
        most = along;
    }
    return best;
}

// Elements that one turn of the nest's loops reads along an axis, and those that it stores across
// it in nests inside, which may have lanes of their own.
void count_reads(const Program& program, const Block& body, Name axis, double turns,
                 Stores& counted) {
    for (const StmtPtr& s : body) {
        if (auto* op = std::get_if<Op>(&s->node)) {
            double elements = turns;
            for (const NamedDim& d : op->dims)
                if (d.extent.is_const()) elements *= static_cast<double>(d.extent.value());
            for_each_slice(*op, [&](const Slice& slice, bool stored) {
                if (stored || !program.find_buffer(slice.target)) return;
                if (runs_along(program, slice, axis)) counted.along += elements;
            });
        } else if (std::holds_alternative<Parallel>(s->node)) {
            count_stores(program, {s}, axis, turns, counted);
        } else if (const Block* inner = body_of(*s)) {
            count_reads(program, *inner, axis, turns * turns_of(*s), counted);
        }
    }
}

/// Where every store shuns all axes, the one along which most is read: sums over the pixels of an
/// image whose channels lie innermost, of which each is stored apart. What is read across it is
/// gathered, which takes no longer than the same elements one by one. Blocks with tiles of rows,
/// and nests inside that store much, have vectors of their own.
Name axis_most_read_along(const Program& program, const LoopNest& nest) {
    bool scalars = true;
    for_each_stmt(nest.body, [&](const Stmt& s) {
        auto* let = std::get_if<Let>(&s.node);
        scalars = scalars && (!let || let->tile.dims.empty());
    });
    Name best;
    double most = 0;
    for (size_t i = nest.loops.size(); scalars && i-- > 0;) {
        const Name axis = nest.loops[i].axis;
        if (nest.loops[i].extent.value() == 1) continue;
        Stores counted;
        count_reads(program, nest.body, axis, 1, counted);
        if (counted.along <= most || counted.across * kAlongToAcross > counted.along) continue;
        best = axis;
        most = counted.along;
    }
    return best;
}

/// Of the nest's axes the one that walks the outermost dim of what is stored, as it lies in memory;
/// empty: none does, or stores differ.
Name axis_outermost_in_memory(const Program& program, const LoopNest& nest) {
    Name found;
    bool alike = true;
    auto walks = [&](const Slice& s, const MemoryPart& part) {
        for (const Loop& l : nest.loops)
            if (l.extent.value() > 1 &&
                uses(Slice{s.target, {s.at[static_cast<size_t>(part.dim)]}, {}}, l.axis))
                return l.axis;
        return Name();
    };
    for_each_op(nest.body, [&](const Op& op) {
        const Buffer* buffer = program.find_buffer(op.dst.target);
        if (!buffer) return;
        for (const MemoryPart& part : memory_parts(*buffer)) {
            const Name axis = walks(op.dst, part);
            if (axis.empty()) continue;
            alike = alike && (found.empty() || found == axis);
            found = axis;
            break;
        }
    });
    return alike ? found : Name();
}

/// Axes that walk the innermost dim of what is stored, as it lies in memory, with how many of its
/// elements are between two values of one; empty where stores differ.
std::map<Name, int64_t> axes_innermost_in_memory(const Program& program, const LoopNest& nest) {
    std::optional<std::map<Name, int64_t>> found;
    bool alike = true;
    for_each_op(nest.body, [&](const Op& op) {
        const Buffer* buffer = program.find_buffer(op.dst.target);
        if (!buffer || buffer->dims.empty()) return;
        const Coord& innermost = op.dst.at[static_cast<size_t>(memory_parts(*buffer).back().dim)];
        std::map<Name, int64_t> axes;
        for (const Loop& l : nest.loops)
            if (const int64_t step = innermost.affine.coefficient(l.axis);
                step != 0 && l.extent.value() > 1)
                axes[l.axis] = std::abs(step);
        alike = alike && !innermost.index && (!found || *found == axes);
        found = axes;
    });
    return alike && found ? *found : std::map<Name, int64_t>();
}

struct Vectorizer {
    const Program& program;
    const Target& target;
    std::set<Name>& taken;
    LiveBytes& placed;
    bool weighs = true;
    /// Bytes move beside the units, and tiles are chosen by that.
    bool streams = false;

    // A nest: the outermost is shared out over cores, those inside a kernel's body stay serial.
    Block nest_block(const StmtPtr& s, bool outermost, bool lanes_free) {
        LoopNest nest = nest_of(s, true);
        if (streams && !outermost)
            if (LoopNest all = nest_of(s, false); turns_apart(all)) nest = std::move(all);
        if (nest.loops.empty() || !nest_is_const(nest)) return place_tiles({s}, target, placed);
        Name lane = lanes_free ? lane_axis(program, nest) : Name();
        if (lanes_free && lane.empty() && streams) lane = axis_most_along(program, nest);
        if (lanes_free && lane.empty() && streams) lane = axis_most_read_along(program, nest);
        if (!lane.empty() && !absorb(nest.body, lane, Dim(2), true)) lane = Name();
        int64_t width = widest_lanes(program, nest.body, target);
        if (weighs && count_ops(nest.body) <= kShortBodyOps && !has_special(nest.body))
            width *= kVectorsOfShortBody;
        if (!lane.empty() && !streams)
            width = lanes_of_whole_blocks(program, nest.body, lane, width, target);
        std::vector<AxisPlan> plans;
        if (streams) {
            if (!lane.empty()) width = widest_lanes(program, nest.body, target);
            nest.body = with_operands_brought(nest, lane);
        }
        const Name row = streams ? row_axis(nest, lane) : Name();
        const int64_t rows = row.empty() ? 1 : rows_at_once(nest.body, lane, width);
        for (const Loop& l : nest.loops) {
            AxisPlan plan{l.axis, l.extent.value(), 1, false, ""};
            if (l.axis == lane) plan.part = std::min(width, plan.extent);
            if (l.axis == row) plan.part = std::min(rows, plan.extent);
            plans.push_back(plan);
        }
        store_rows_whole(nest, plans);
        if (outermost) {
            share_rows_first(nest, plans);
            share_out(plans, target);
        }
        bool still_free = lanes_free && lane.empty();
        auto leaf_of = [&](const Block& body, const Parts& parts) {
            auto part = [&](Name axis) {
                auto at = parts.find(axis);
                return at == parts.end() ? int64_t{1} : at->second;
            };
            Block leaf = body;
            if (part(row) > 1) leaf = *absorb(leaf, row, Dim(part(row)), false);
            if (part(lane) > 1) leaf = *absorb(leaf, lane, Dim(part(lane)), true);
            return inside(leaf, still_free);
        };
        Block out = walk_axes(plans, nest.body, taken, leaf_of);
        if (std::none_of(plans.begin(), plans.end(), leaves_a_rest) || has_room(out)) return out;
        // Tiles of a rest that lies in the same block live beside those of the part before.
        for (AxisPlan& plan : plans) plan.apart = true;
        return walk_axes(plans, nest.body, taken, leaf_of);
    }

    static bool leaves_a_rest(const AxisPlan& plan) { return plan.extent % plan.part != 0; }

    /// Whether the levels hold the block's tiles beside those that live to the kernel's end.
    bool has_room(const Block& block) const {
        return std::all_of(target.levels.begin(), target.levels.end(), [&](const TargetLevel& l) {
            if (&l == &target.registers()) return true;
            const int64_t bytes = live_bytes(block, l);
            auto around = placed.find(l.name);
            return bytes == 0 ||
                   l.capacity.holds(bytes + (around == placed.end() ? 0 : around->second));
        });
    }

    /// Where several axes walk the innermost dim of what is stored they go together, innermost: a
    /// line is stored to once, not in each turn of a loop around all that lies further out.
    void store_rows_whole(const LoopNest& nest, std::vector<AxisPlan>& plans) const {
        const std::map<Name, int64_t> axes = axes_innermost_in_memory(program, nest);
        if (streams || axes.size() < 2) return;
        const auto step = [&](const AxisPlan& p) {
            auto at = axes.find(p.axis);
            return at == axes.end() ? std::numeric_limits<int64_t>::max() : at->second;
        };
        std::stable_sort(plans.begin(), plans.end(),
                         [&](const AxisPlan& a, const AxisPlan& b) { return step(a) > step(b); });
    }

    /// Cores that keep what they wrote in caches of their own take parts of memory, the same ones
    /// in each kernel: what one has written is then read by it again.
    void share_rows_first(const LoopNest& nest, std::vector<AxisPlan>& plans) const {
        if (streams || target.all_cores() == 1) return;
        const Name axis = axis_outermost_in_memory(program, nest);
        auto at = std::find_if(plans.begin(), plans.end(),
                               [&](const AxisPlan& p) { return p.axis == axis; });
        if (at != plans.end()) std::rotate(plans.begin(), at, at + 1);
    }

    /// Whole loops whose turns could run in any order, but for sums that go on from turn to turn.
    bool turns_apart(const LoopNest& nest) const {
        for (const Loop& l : nest.loops)
            if (!l.from.empty() || !l.to.empty()) return false;
        std::set<Name> own, written, read;
        for (const StmtPtr& s : nest.body)
            if (auto* let = std::get_if<Let>(&s->node)) own.insert(let->tile.name);
        bool plain = true;
        for (const StmtPtr& s : nest.body) {
            auto* op = std::get_if<Op>(&s->node);
            plain = plain && (op || std::holds_alternative<Let>(s->node));
            if (!op) continue;
            plain = plain && op->kind != OpKind::Scatter && op->kind != OpKind::Sort;
            for_each_slice(*op, [&](const Slice& slice, bool stored) {
                if (own.count(slice.target) == 0) (stored ? written : read).insert(slice.target);
            });
            const bool adds = op->kind == OpKind::Reduce && op->accumulate;
            const bool outer_tile =
                own.count(op->dst.target) == 0 && !program.find_buffer(op->dst.target);
            plain = plain && (adds || !outer_tile);
        }
        return plain && std::none_of(written.begin(), written.end(),
                                     [&](Name n) { return read.count(n) > 0; });
    }

    /// The axis whose iterations can go through an op beside each other: the innermost but for the
    /// lanes, of a body without loops whose tiles run along vectors.
    Name row_axis(const LoopNest& nest, Name lane) const {
        for (const StmtPtr& s : nest.body) {
            if (body_of(*s)) return Name();
            auto* let = std::get_if<Let>(&s->node);
            if (let && lane.empty() && (let->tile.dims.size() != 1 || let->tile.lanes != 0))
                return Name();
            if (let && !lane.empty() && !let->tile.dims.empty()) return Name();
        }
        for (size_t i = nest.loops.size(); i-- > 0;) {
            const Name axis = nest.loops[i].axis;
            if (axis == lane || nest.loops[i].extent.is(1)) continue;
            return absorb(nest.body, axis, Dim(2), false) ? axis : Name();
        }
        return Name();
    }

    /// So many that the pipeline is full, and that all tiles fit the registers twice.
    int64_t rows_at_once(const Block& body, Name lane, int64_t width) const {
        int64_t bytes = 0;
        for_each_op(body, [&](const Op& op) {
            for_each_slice(op, [&](const Slice& s, bool) {
                if (const Buffer* b = program.find_buffer(s.target))
                    bytes +=
                        tensor::byte_count(b->dtype, lane.empty() ? target.lanes(b->dtype) : width);
            });
        });
        for (const StmtPtr& s : body)
            if (auto* let = std::get_if<Let>(&s->node))
                bytes +=
                    lane.empty() ? bytes_of(let->tile) : tensor::byte_count(let->tile.dtype, width);
        int64_t rows = vectors_in_flight(target);
        while (rows > 1 && !target.registers().capacity.holds(2 * rows * bytes)) --rows;
        return rows;
    }

    /// By way of tiles, where the body runs along vectors: of this nest, or of one further out.
    Block with_operands_brought(const LoopNest& nest, Name lane) {
        Name along = lane;
        for (const StmtPtr& s : nest.body)
            if (auto* let = std::get_if<Let>(&s->node); let && let->tile.lanes >= 0)
                along = let->tile.dims[static_cast<size_t>(let->tile.lanes)].name;
        if (along.empty()) return nest.body;
        std::set<Name> axes;
        for (const Loop& l : nest.loops)
            if (l.axis != lane || nest.loops.size() == 1) axes.insert(l.axis);
        return bring_operands(program, nest.body, along, axes, taken);
    }

    /// Of a serial loop: sums that go on take several rows at once, scatters what a vector holds.
    Block serial_block(const StmtPtr& s, const For& loop) {
        if (!loop.from.empty() || !loop.to.empty() || !loop.extent.is_const()) return {s};
        const int64_t lanes = target.lanes(DType::kF32), extent = loop.extent.value();
        if (extent > 1 && scatter_at_once(loop.body, loop.axis, std::min(lanes, extent))) {
            const std::vector<AxisPlan> plans{
                {loop.axis, extent, std::min(lanes, extent), false, ""}};
            return walk_axes(plans, loop.body, taken, [&](const Block& body, const Parts& parts) {
                auto part = parts.find(loop.axis);
                const bool single = part == parts.end() || part->second == 1;
                return place_tiles(single ? body : *scatter_at_once(body, loop.axis, part->second),
                                   target, placed);
            });
        }
        return streams && turns_apart(nest_of(s, false)) ? nest_block(s, false, false) : Block{s};
    }

    Block inside(const Block& body, bool lanes_free) {
        Block out;
        const LiveBytes around = placed;
        for (const StmtPtr& s : place_tiles(body, target, placed)) {
            auto* loop = std::get_if<For>(&s->node);
            if (loop && moves_beside_units(target)) {
                const Block inner = serial_block(s, *loop);
                out.insert(out.end(), inner.begin(), inner.end());
                continue;
            }
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
        Stores stores;
        count_stores(program, nest.body, axis, 1, stores);
        if (stores.along > 0 && stores.across * kAlongToAcross <= stores.along) return axis;
    }
    return Name();
}

Block vectorize(const Program& program, const StmtPtr& s, const Target& target,
                std::set<Name>& taken, LiveBytes& placed, bool weighs) {
    return Vectorizer{program, target, taken, placed, weighs, moves_beside_units(target)}
        .nest_block(s, true, true);
}

}  // namespace smeaton::gir::rewrite
