#include "gir/rewrite/leaf.h"

#include <algorithm>

#include "base/error.h"
#include "gir/layout.h"
#include "gir/rewrite/nest.h"
#include "gir/rewrite/scratch_room.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

namespace {

bool accumulates(const Block& body, Name tile) {
    bool found = false;
    for_each_op(body, [&](const Op& op) {
        found = found || (op.kind == OpKind::Mma && op.dst.target == tile);
    });
    return found;
}

/// Where sums lie: in a scratchpad with room for them alone before they lie in memory.
const TargetLevel& level_of_sums(const Target& target, int64_t bytes) {
    const TargetLevel& level = target.level_for(OperandRole::Acc, bytes);
    if (&level != &target.outermost()) return level;
    for (const TargetLevel& l : target.levels)
        if (target.is_scratchpad(l) && l.takes(OperandRole::Acc) && l.capacity.holds(bytes))
            return l;
    return level;
}

}  // namespace

Block place_local_tiles(const Block& body, const Target& target, Name sums_in) {
    ScratchRoom room(target);
    return map_stmts(body, [&](const StmtPtr& s) -> Block {
        auto* let = std::get_if<Let>(&s->node);
        if (!let || let->tile.level != Name("local")) return {s};
        Let next = *let;
        bool acc = accumulates(body, let->tile.name);
        int64_t bytes = bytes_of(let->tile);
        const TargetLevel& wanted = !acc              ? target.level_for(OperandRole::Vector, bytes)
                                    : sums_in.empty() ? level_of_sums(target, bytes)
                                                      : target.level(sums_in);
        next.tile.level = room.take(wanted, bytes);
        return {stmt(std::move(next))};
    });
}

namespace {

Block must_absorb(const Block& body, Name axis, int64_t extent, bool lanes) {
    if (extent <= 1) return body;
    std::optional<Block> out = absorb(body, axis, Dim(extent), lanes);
    SMEATON_CHECK(out, "axis {} cannot become a tile dim here", axis);
    return *out;
}

bool is_special(const StmtPtr& s) {
    auto* op = std::get_if<Op>(&s->node);
    return op && (op->kind == OpKind::Unary || op->kind == OpKind::Binary) &&
           op_class(op->fn) == LedgerClass::Special;
}

bool mentions(const Block& block, Name tile) {
    bool found = false;
    for_each_op(block, [&](const Op& op) {
        for_each_slice(op, [&](const Slice& s, bool) { found = found || s.target == tile; });
    });
    return found;
}

struct SplitBody {
    Block head;      // up to and including the contraction
    Block epilogue;  // after it, with the tiles that only it uses
    Name accumulator;
    DType dtype = DType::kF32;
    Origins origins;  // of the contraction
};

SplitBody split_at_mma(const Block& body) {
    SplitBody split;
    bool after = false;
    for (const StmtPtr& s : body) {
        (after ? split.epilogue : split.head).push_back(s);
        if (auto* op = std::get_if<Op>(&s->node); op && op->kind == OpKind::Mma) {
            after = true;
            split.accumulator = op->dst.target;
            split.origins = op->origins;
        }
    }
    Block head, lets;
    for (const StmtPtr& s : split.head) {
        auto* let = std::get_if<Let>(&s->node);
        if (let && let->tile.name == split.accumulator) split.dtype = let->tile.dtype;
        bool moves = let && !mentions(split.head, let->tile.name);
        (moves ? lets : head).push_back(s);
    }
    split.head = head;
    split.epilogue.insert(split.epilogue.begin(), lets.begin(), lets.end());
    return split;
}

// Rows of the epilogue find the accumulator alone: nothing else that stands before the contraction.
bool epilogue_stands_alone(const SplitBody& split) {
    return std::none_of(split.head.begin(), split.head.end(), [&](const StmtPtr& s) {
        auto* let = std::get_if<Let>(&s->node);
        return let && let->tile.name != split.accumulator &&
               mentions(split.epilogue, let->tile.name);
    });
}

/// The epilogue with the accumulator's elements read from `rows`, at the axes that the slice names.
Block reading_sums_of(const Slice& rows, const SplitBody& split) {
    return map_ops(split.epilogue, [&](const Op& op) {
        Op next = op;
        auto redirect = [&](Slice& s) {
            if (s.target == split.accumulator) s = rows;
        };
        redirect(next.dst);
        for (Operand& o : next.srcs)
            if (auto* s = std::get_if<Slice>(&o)) redirect(*s);
        return next;
    });
}

// for row { epilogue on [lane] }, reading the accumulator from a tile in the first cache.
Block by_rows(const SplitBody& split, const RegisterBody& r, const Target& target,
              std::set<Name>& taken) {
    Block block = must_absorb(split.head, r.row, r.rows, false);
    block = place_local_tiles(must_absorb(block, r.lane, r.lanes, true), target, r.sums_in);
    Tile out;
    out.name = fresh(split.accumulator.str() + "_rows", taken);
    out.dtype = split.dtype;
    out.dims = {{r.row, Dim(r.rows)}, {r.lane, Dim(r.lanes)}};
    out.lanes = 1;
    out.level = target.memory_for(OperandRole::Vector, bytes_of(out)).name;
    Op spill;
    spill.kind = OpKind::Move;
    spill.dims = out.dims;
    spill.dst = {out.name, {Coord(r.row), Coord(r.lane)}, {}};
    spill.origins = split.origins;
    spill.srcs = {Slice{split.accumulator, {Coord(r.row), Coord(r.lane)}, {}}};
    Block tail = reading_sums_of(spill.dst, split);
    tail = place_local_tiles(must_absorb(tail, r.lane, r.lanes, true), target);
    block.push_back(stmt(Let{out}));
    block.push_back(stmt(spill));
    block.push_back(stmt(For{r.row, Dim(r.rows), {}, {}, 1, tail}));
    return block;
}

/// All axes of the rows, then the lanes.
Block with_axes(Block body, const RegisterBody& r) {
    for (const NamedDim& d : r.more_rows) body = must_absorb(body, d.name, d.extent.value(), false);
    body = must_absorb(body, r.row, r.rows, false);
    return must_absorb(body, r.lane, r.lanes, true);
}

// Sums that are made in memory: what follows the contraction goes through them in parts of rows
// that fit the registers.
Block by_parts(const SplitBody& split, const RegisterBody& r, const Target& target,
               std::set<Name>& taken) {
    Block block = place_local_tiles(with_axes(split.head, r), target, r.sums_in);
    Slice sums{split.accumulator, {}, {}};
    std::vector<AxisPlan> rows;
    for (const NamedDim& d : r.more_rows) {
        sums.at.emplace_back(Affine(d.name));
        rows.push_back({d.name, d.extent.value(), 1, false, ""});
    }
    if (r.rows > 1) sums.at.emplace_back(Affine(r.row));
    if (r.lanes > 1) sums.at.emplace_back(Affine(r.lane));
    const Block tail = reading_sums_of(sums, split);
    int64_t row_bytes = 0;  // of all that the epilogue keeps of a row
    for (const StmtPtr& s : tail)
        if (auto* let = std::get_if<Let>(&s->node))
            row_bytes += tensor::byte_count(let->tile.dtype, r.lanes);
    const int64_t fit = target.registers().capacity.bytes() / std::max<int64_t>(1, row_bytes);
    rows.push_back({r.row, r.rows, std::clamp<int64_t>(fit, 1, r.rows), false, ""});
    Block loops = walk_axes(rows, tail, taken, [&](const Block& b, const Parts& parts) {
        auto part = parts.find(r.row);
        Block body = must_absorb(b, r.row, part == parts.end() ? 1 : part->second, false);
        return place_local_tiles(must_absorb(body, r.lane, r.lanes, true), target);
    });
    block.insert(block.end(), loops.begin(), loops.end());
    return block;
}

bool sums_in_memory(const RegisterBody& r, const Target& target) {
    return r.sums_in.empty() ? !target.registers().takes(OperandRole::Acc)
                             : r.sums_in != target.registers().name;
}

bool keeps_tiles(const Block& body) {
    return std::any_of(body.begin(), body.end(),
                       [](const StmtPtr& s) { return std::holds_alternative<Let>(s->node); });
}

}  // namespace

Block to_registers(const Block& body, const RegisterBody& r, const Target& target,
                   std::set<Name>& taken) {
    SplitBody split = split_at_mma(body);
    bool long_epilogue = std::any_of(split.epilogue.begin(), split.epilogue.end(), is_special);
    const bool alone = epilogue_stands_alone(split);
    const bool tall = r.rows > 1 || !r.more_rows.empty();
    if (alone && !split.accumulator.empty() && tall && keeps_tiles(split.epilogue) &&
        sums_in_memory(r, target))
        return by_parts(split, r, target, taken);
    if (long_epilogue && alone && !split.accumulator.empty() && r.rows > 1 && r.lanes > 1)
        return by_rows(split, r, target, taken);
    return place_local_tiles(with_axes(body, r), target, r.sums_in);
}

}  // namespace smeaton::gir::rewrite
