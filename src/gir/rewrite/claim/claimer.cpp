// Block by block, from the outermost inwards.
#include "gir/rewrite/claim/claimer.h"

#include <algorithm>

#include "gir/rewrite/lives.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

using cache::loop_of;
using cache::LoopOf;
using cache::note_tile;

// A tile that the block fills and then only reads can be claimed once it is filled.
Block Claimer::claim_filled(Block b, const Extents& scope, const Room& capacity, Free& room,
                            Room& whole) {
    std::map<Name, size_t> filled;  // tiles of this block -> the last statement that writes it
    for (size_t i = 0; i < b.size(); ++i) {
        auto* let = std::get_if<Let>(&b[i]->node);
        if (let && let->kind == TileKind::Memory && kernel.written.count(let->tile.name) > 0)
            filled[let->tile.name] = i;
        for_each_op({b[i]}, [&](const Op& op) {
            for (Name n : {op.dst.target, op.payload ? op.payload->target : Name()})
                if (auto at = filled.find(n); at != filled.end()) at->second = i;
        });
    }
    for (const auto& [name, last] : filled) {
        kernel.written.erase(name);
        Block rest(b.begin() + static_cast<std::ptrdiff_t>(last) + 1, b.end());
        std::vector<Candidate> found = candidates(rest, scope, {}, capacity);
        kernel.written.insert(name);
        for (const Candidate& c : found) {
            const auto bytes = static_cast<double>(c.touch.bytes());
            if (c.source != name || !room.reckoned.holds(bytes) || !whole.holds(bytes)) continue;
            Block claimed = insert(c, Name(), rest);
            room = room - bytes;
            whole = whole - bytes;
            b.resize(last + 1);
            b.insert(b.end(), claimed.begin(), claimed.end());
            return claim_filled(std::move(b), scope, capacity, room, whole);
        }
    }
    return b;
}

/// Bytes of tiles at the level that are no claims of this pass: those are off the room already.
double Claimer::own_bytes(const Let& let) const {
    const bool counts = let.tile.level == level.name && kernel.claim_of.count(let.tile.name) == 0;
    return counts ? static_cast<double>(part_bytes(let, level)) : 0;
}

double Claimer::own_bytes(const Block& b) const {
    double own = 0;
    for (const StmtPtr& s : b)
        if (auto* let = std::get_if<Let>(&s->node)) own += own_bytes(*let);
    return own;
}

/// The most that the block's tiles and those of blocks further in take at once.
double Claimer::standing(const Block& b) const {
    return most_at_once(b, [&](const Let& let) { return own_bytes(let); });
}

Block Claimer::block(const Block& b, const Extents& scope, const Around& around, bool shared_out,
                     const Free& around_it) {
    for (const StmtPtr& s : b)
        if (auto* let = std::get_if<Let>(&s->node)) note_tile(*let, tiles);
    const double own = own_bytes(b), standing_here = standing(b);
    Free room = around_it - own;
    // Tiles further in push out of a cache what is not in use meanwhile; a scratchpad lends
    // nothing.
    Room free = around_it.reckoned - (level.software_managed ? standing_here : own);
    Room whole = around_it.whole - standing_here;
    Block current = b;
    // Cores at work share what they do not own.
    double share = shared_out ? 1.0 / static_cast<double>(kernel.target.sharers(level)) : 1;
    const Room capacity = level.capacity.room() * (cache::kReckonedShare * share);
    for (const Candidate& c : candidates(b, scope, around, capacity)) {
        const auto bytes = static_cast<double>(c.touch.bytes());
        if (!(free * share).holds(bytes) || !whole.holds(bytes)) continue;
        current = insert(c, c.ring ? around.axis : Name(), current);
        room = room - bytes;
        free = free - bytes;
        whole = whole - bytes;
    }
    if (!level.software_managed) current = claim_filled(current, scope, capacity, room, whole);
    if (!for_operand() && observer.passes_through(current, scope, tiles)) return current;
    Block out;
    for (const StmtPtr& s : current) out.push_back(inside(s, scope, shared_out, room));
    return out;
}

/// A contraction beside others, whose operand has room where theirs have left: in a block of its
/// own.
StmtPtr Claimer::alone(const StmtPtr& s, const Extents& scope, const Room& room) {
    const Op* op = std::get_if<Op>(&s->node);
    if (!op || op->kind != OpKind::Mma) return s;
    const Block one{s};
    for (const Candidate& c : candidates(one, scope, {}, room))
        if (room.holds(static_cast<double>(c.touch.bytes())))
            return only(stmt(
                For{kernel.fresh_name(Name("once")), Dim(1), {}, {}, 1, insert(c, Name(), one)}));
    return s;
}

StmtPtr Claimer::inside(const StmtPtr& s, const Extents& scope, bool shared_out, const Free& room) {
    LoopOf loop = loop_of(*s);
    if (!loop.body) return for_operand() ? alone(s, scope, room.reckoned) : s;
    Around inside{loop.axis,
                  [&](const Touches& one) { return observer.turn_bytes(*s, one, scope, tiles); }};
    // Iterations share a level out that is not each one's own.
    auto* parallel = std::get_if<Parallel>(&s->node);
    const Target& target = kernel.target;
    bool shares = parallel && target.depth(parallel->scope) > target.depth(level.scope);
    Block body = block(*loop.body, with(scope, loop), inside, shared_out || shares, room);
    return body == *loop.body ? s : only(with_body(*s, std::move(body)));
}

}  // namespace smeaton::gir::rewrite
