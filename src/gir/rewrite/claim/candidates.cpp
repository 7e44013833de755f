// What could be claimed in a block, and whether it is worth it.
#include <algorithm>
#include <set>

#include "gir/rewrite/claim/claimer.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

using cache::comes_again;
using cache::kept_further_in;
using cache::loop_of;
using cache::LoopOf;
using cache::note_tile;
using cache::overlaps;

namespace {

// A claim must save at least this part of the traffic that it stands for.
constexpr double kWorthwhile = 0.05;

}  // namespace

bool Claimer::claimable(Name source) const {
    if (kernel.written.count(source) > 0) return false;
    auto tile = tiles.find(source);
    if (tile != tiles.end()) return further_out.count(tile->second.tile.level) > 0;
    return kernel.program.find_buffer(source) != nullptr;
}

// A cache keeps whole lines. To a scratchpad less than a line is worth a copy where a unit would
// wait for the memory each time that it computes with it; moves and arrays are ahead of what they
// bring.
bool Claimer::spares_units(const Block& b, Name source) const {
    if (!level.software_managed) return false;
    bool spares = false;
    for_each_op(b, [&](const Op& op) {
        if (op.kind == OpKind::Move || op.kind == OpKind::Mma) return;
        for_each_slice(op, [&](const Slice& slice, bool stored) {
            spares = spares || (!stored && slice.target == source);
        });
    });
    return spares;
}

// Would a claim further in, in a smaller part, bring in more bytes than one in this block?
bool Claimer::gains_here(const Block& b, const Extents& scope, Name source,
                         const Touch& touch) const {
    if (touch.statements > 1) return true;
    KnownTiles known = tiles;
    for (const StmtPtr& s : b) {
        if (auto* let = std::get_if<Let>(&s->node)) note_tile(*let, known);
        const cache::TouchesPtr all = touched({s}, scope, known);
        auto here = all->find(source);
        if (here == all->end() || here->second.asked_bytes == 0) continue;
        LoopOf loop = loop_of(*s);
        if (!loop.body) return !std::holds_alternative<Let>(s->node);
        const cache::TouchesPtr inner = touched(*loop.body, with(scope, loop), known);
        const Touch& one = inner->at(source);
        if (!one.claimable) return true;
        if (!comes_again(one, here->second, loop.extent)) return false;
        // What merely overlaps is left to a ring.
        return !overlaps(one.boxes[0], loop.axis);
    }
    return false;
}

std::vector<Candidate> Claimer::candidates(const Block& b, const Extents& scope,
                                           const Around& around, const Room& capacity) const {
    const cache::TouchesPtr here = touched(b, scope, tiles);
    std::vector<Candidate> found;
    for (const auto& [name, touch] : *here) {
        if (!touch.claimable || touch.asked_bytes == 0 || !claimable(name)) continue;
        Candidate c{name, touch};
        auto bytes = static_cast<double>(touch.bytes());
        c.saved_bytes = touch.asked_bytes - bytes;
        if (!for_operand()) {
            if (touch.bytes() < level.line_bytes && !spares_units(b, name)) continue;
            c.ring = !for_all_operands() && !around.axis.empty() &&
                     overlaps(touch.boxes[0], around.axis) &&
                     !kept_further_in(b, around.axis, name) &&
                     capacity.holds(around.turn_bytes(*here));
            if (c.ring)
                c.saved_bytes = touch.asked_bytes - bytes * new_share(touch.boxes[0], around.axis);
            if (c.saved_bytes < kWorthwhile * touch.asked_bytes) continue;
            if (!c.ring && !gains_here(b, scope, name, touch)) continue;
        }
        found.push_back(c);
    }
    // Dear: found out for those that all else speaks for.
    if (!for_operand() && !for_all_operands() && !found.empty()) {
        std::set<Name> wanted;
        for (const Candidate& c : found) wanted.insert(c.source);
        const std::set<Name> lost = observer.lost(b, scope, tiles, capacity, wanted);
        std::erase_if(found, [&](const Candidate& c) { return lost.count(c.source) > 0; });
    }
    std::stable_sort(found.begin(), found.end(), [](const Candidate& x, const Candidate& y) {
        return x.saved_bytes > y.saved_bytes;
    });
    return found;
}

}  // namespace smeaton::gir::rewrite
