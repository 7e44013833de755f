#include "gir/ledger/ring.h"

#include <algorithm>

#include "base/error.h"

namespace smeaton::gir {

namespace {

// The coordinate takes the values sum(own); which of them stay values when moved by `shift`?
std::optional<BoxBound> held_bound(LinearTerms own, int64_t shift, const Loops& loops) {
    if (own.empty()) return std::nullopt;
    std::sort(own.begin(), own.end(),
              [](const auto& a, const auto& b) { return a.second < b.second; });
    int64_t unit = own.front().second;
    Dim total(1);
    for (auto& [v, k] : own) {
        SMEATON_CHECK(k > 0 && k % unit == 0 && total.is(k / unit),
                      "a ring whose dims do not cover an interval");
        k /= unit;
        total *= loops.extents()[static_cast<size_t>(v)];
    }
    if (shift % unit != 0) return std::nullopt;
    return BoxBound{own, Dim(-shift / unit), total - Dim(shift / unit)};
}

// Bounds on the tile's dims under which an element was there one iteration of `ring` before;
// nothing when none was.
std::optional<std::vector<BoxBound>> held_bounds(const Let& let, const Loops& loops,
                                                 const DimVars& vars, int ring) {
    std::vector<BoxBound> bounds;
    for (const Coord& c : let.source->at) {
        SMEATON_CHECK(!c.index, "ring({}) of {} over computed coordinates", let.ring,
                      let.tile.name);
        LinearTerms terms, own;
        loops.split(c.affine, vars, terms);
        int64_t shift = 0;
        for (const auto& [v, k] : terms) {
            if (v == ring) shift += k;
            if (!loops.is_axis(v)) own.emplace_back(v, k);
        }
        if (shift == 0) continue;
        std::optional<BoxBound> b = held_bound(own, shift, loops);
        if (!b) return std::nullopt;
        bounds.push_back(std::move(*b));
    }
    return bounds;
}

std::vector<BoxBound> at_value(const std::vector<BoxBound>& bounds, int variable, int64_t value) {
    std::vector<BoxBound> fixed;
    for (const BoxBound& b : bounds) fixed.push_back(with_value(b, variable, value));
    return fixed;
}

std::vector<BoxBound> joined(std::vector<BoxBound> a, const std::vector<BoxBound>& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

}  // namespace

Dim entered_elements(const Let& let, const Loops& loops, const DimVars& vars,
                     const std::set<int>& used, const std::vector<BoxBound>& bounds) {
    const std::vector<Dim>& extents = loops.extents();
    const std::vector<BoxBound> all = loops.with_loops(bounds);
    if (let.ring.empty()) return count_points(extents, loops.with_axes(used), all);
    const int ring = loops.axis(let.ring, let.tile.name);
    SMEATON_CHECK(!loops.is_clipped(ring), "ring({}) over a loop with bounds", let.ring);
    // Loops between the ring and the let enter it again with nothing new.
    std::vector<int> variables;
    for (int v : loops.axes()) {
        if (v == ring) break;
        variables.push_back(v);
    }
    variables.insert(variables.end(), used.begin(), used.end());
    const Dim first = count_points(extents, variables, at_value(all, ring, 0));
    const std::optional<std::vector<BoxBound>> held = held_bounds(let, loops, vars, ring);
    // Later iterations: everything, less what the one before held.
    std::vector<int> with_ring = variables;
    with_ring.push_back(ring);
    const Dim later = count_points(extents, with_ring, all) - first;
    if (!held) return first + later;
    const Dim old_later = count_points(extents, with_ring, joined(all, *held)) -
                          count_points(extents, variables, joined(at_value(all, ring, 0), *held));
    return first + later - old_later;
}

}  // namespace smeaton::gir
