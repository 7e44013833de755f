#include "gir/rewrite/spell/ahead.h"

#include <algorithm>

#include "gir/cache/residency.h"
#include "tensor/dtype.h"

namespace smeaton::gir::rewrite {

namespace {

/// The loops around the place, seen from one operand.
struct Sweep {
    size_t panel_loop = 0;  ///< each iteration reads another panel
    int64_t repeats = 1;    ///< times that one panel is read
    int64_t footprint = 0;  ///< its elements
    int64_t next = 0;       ///< from one panel to the next
    int64_t step = 0;       ///< from one read to the next, innermost
};

/// The innermost loop that moves the operand and has a loop inside that does not.
bool find_sweep(const Place& place, const Affine& first, int64_t elements, Sweep& sweep) {
    sweep.footprint = elements;
    bool inside = false;
    for (size_t i = place.loops.size(); i-- > 0;) {
        const Place::Loop& loop = place.loops[i];
        int64_t k = first.coefficient(loop.axis);
        if (k == 0) {
            sweep.repeats *= loop.extent;
            continue;
        }
        if (k < 0) return false;
        if (sweep.repeats > 1) {
            sweep.panel_loop = i;
            sweep.next = k;
            return inside;
        }
        if (!inside) sweep.step = k;
        inside = true;
        sweep.footprint *= loop.extent;
    }
    return false;
}

/// The place in the next panel: the sweep's share of it, then this read's share of that.
Affine place_ahead(const Place& place, const Affine& first, const Sweep& sweep) {
    Affine ahead = first;
    ahead += Affine(sweep.next);
    int64_t share = 1;
    for (size_t i = place.loops.size(); i-- > sweep.panel_loop + 1;) {
        const Place::Loop& loop = place.loops[i];
        int64_t k = first.coefficient(loop.axis);
        if (k != 0) {
            ahead += Affine(loop.axis, k / sweep.repeats - k);
        } else {
            ahead += Affine(loop.axis, sweep.footprint / sweep.repeats * share);
            share *= loop.extent;
        }
    }
    return ahead;
}

std::optional<Prefetch> prefetch(const Place& place, const Target& target, const Laid& laid,
                                 const Affine& first, int64_t elements) {
    Sweep sweep;
    if (!find_sweep(place, first, elements, sweep)) return std::nullopt;
    int64_t size = tensor::bits(laid.dtype) / 8;
    bool contiguous = sweep.next == sweep.footprint && sweep.step == elements;
    const TargetLevel* level = cache::level_for_next(target, sweep.footprint * size);
    if (!contiguous || !level) return std::nullopt;
    int64_t line = std::max<int64_t>(1, level->line_bytes / size);
    int64_t lines = (elements + line - 1) / line;
    return Prefetch{laid.target, place_ahead(place, first, sweep),
                    (lines + sweep.repeats - 1) / sweep.repeats, line, level->name};
}

}  // namespace

std::vector<Prefetch> prefetches(const Place& place, const Target& target, const Op& op) {
    std::vector<Prefetch> out;
    const Spelling& spelling = *op.spelling;
    if (op.kind != OpKind::Mma || spelling.lanes.empty() || !spelling.loops.empty()) return out;
    Laid dst = laid(place, op.dst);
    if (!dst.in_registers || !dst.uses(spelling.lanes)) return out;
    Ranges ranges = place.ranges;
    Substitution start;
    int64_t lanes_in_hand = 1;
    for (const NamedDim& d : op.dims) {
        ranges[d.name] = {0, 0};
        start[d.name] = Affine(0);
        if (d.name == spelling.lanes) lanes_in_hand = d.extent.value();
    }
    for (const Operand& s : op.srcs) {
        auto* slice = std::get_if<Slice>(&s);
        if (!slice) continue;
        Laid src = laid(place, *slice);
        if (src.in_registers || src.computed() || src.bounded || place.tiles.count(src.target) > 0)
            continue;
        int64_t count = std::min(place.lanes, lanes_in_hand);
        if (run_along(src, spelling.lanes, count, ranges) != Run::Contiguous) continue;
        int64_t elements = lanes_in_hand;
        for (const NamedDim& d : op.dims)
            if (!dst.uses(d.name) && src.uses(d.name)) elements *= d.extent.value();
        for (Coord& c : src.at) c.affine = substitute(c.affine, start);
        std::optional<Affine> first = element_offset(src, place.ranges);
        if (!first) continue;
        if (auto p = prefetch(place, target, src, *first, elements)) out.push_back(*p);
    }
    return out;
}

}  // namespace smeaton::gir::rewrite
