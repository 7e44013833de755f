#include "gir/cache/residency.h"

#include <algorithm>
#include <optional>

namespace smeaton::gir::cache {

namespace {

// Read several times, not just passing through.
bool held_inside(const Touch& t) {
    constexpr double kSeveral = 1.5;
    return t.asked_bytes > kSeveral * static_cast<double>(elements(t) * t.element_bytes);
}

// The statement, a loop, with no more than two iterations.
StmtPtr two_of(const Stmt& s) {
    if (auto* p = std::get_if<Parallel>(&s.node))
        return stmt(
            Parallel{p->axis, Dim(std::min<int64_t>(2, p->extent.value())), p->scope, p->body});
    For f = std::get<For>(s.node);
    f.extent = Dim(std::min<int64_t>(2, f.extent.value()));
    return stmt(std::move(f));
}

// `wanted`: the targets that matter. Of the capacity no more is asked than their fate hangs on.
void lose(const Observer& seen, const Block& b, const Extents& scope, KnownTiles known,
          const Room& capacity, const std::set<Name>& wanted, std::set<Name>& lost) {
    // Per target: bytes that go by after the last statement that reads it.
    std::map<Name, double> since;
    for (const StmtPtr& s : b) {
        if (auto* let = std::get_if<Let>(&s->node)) note_tile(*let, known);
        const TouchesPtr all = seen.touched({s}, scope, known);
        const double whole = footprint_bytes(*all);
        const bool matters = std::any_of(wanted.begin(), wanted.end(), [&](Name name) {
            return all->count(name) > 0 && lost.count(name) == 0;
        });
        const LoopOf loop = loop_of(*s);
        TouchesPtr one;
        if (matters && loop.body) one = seen.touched(*loop.body, with(scope, loop), known);
        std::optional<double> by_turn;
        auto gap_of = [&](Name name) {
            if (!by_turn) by_turn = seen.turn_bytes(*s, *one, scope, known);
            if (capacity.holds(*by_turn)) return *by_turn;
            return seen.between(*loop.body, with(scope, loop), known, name);
        };
        for (const auto& [name, touch] : *all) {
            if (wanted.count(name) == 0 || lost.count(name) > 0) continue;
            auto before = since.find(name);
            const bool beside = before != since.end() || s != b.back();
            const bool held = loop.body && elements(one->at(name)) == elements(touch);
            const bool again = loop.body && comes_again(one->at(name), touch, loop.extent) &&
                               !kept_further_in(*loop.body, loop.axis, name);
            const double gap = again || (held && beside) ? gap_of(name) : whole;
            const double by = held ? gap : whole;
            if ((again && !capacity.holds(gap)) ||
                (before != since.end() && !capacity.holds(before->second + by)))
                lost.insert(name);
            since[name] = by - whole;
        }
        for (auto& [name, bytes] : since) bytes += whole;
        if (matters && loop.body)
            lose(seen, *loop.body, with(scope, loop), known, capacity, wanted, lost);
    }
}

}  // namespace

const TargetLevel* nth_cache(const Target& target, int n) {
    for (const TargetLevel& level : target.levels)
        if (!level.software_managed && level.capacity.bounded() && n-- == 0) return &level;
    return nullptr;
}

bool outlasts_its_like(const TargetLevel& level, int64_t bytes) {
    return level.capacity.holds(2 * bytes);
}

const TargetLevel* level_for_next(const Target& target, int64_t panel_bytes) {
    const TargetLevel *first = nth_cache(target, 0), *second = nth_cache(target, 1);
    if (!second || first->capacity.holds(2 * panel_bytes + 1)) return nullptr;
    // Both panels take three quarters at most: what else goes by finds the rest.
    return second->capacity.holds((8 * panel_bytes + 2) / 3) ? second : nullptr;
}

TouchesPtr Observer::touched(const Block& b, const Extents& scope, const KnownTiles& tiles) const {
    if (known) return known->touched(b, scope, program, tiles, options);
    return std::make_shared<const Touches>(touched_by(b, scope, program, tiles, options));
}

double Observer::turn_bytes(const Stmt& loop, const Touches& one, const Extents& scope,
                            const KnownTiles& tiles) const {
    double bytes = footprint_bytes(one);
    const StmtPtr twice = known ? known->only(two_of(loop)) : two_of(loop);
    const TouchesPtr by_two = touched({twice}, scope, tiles);
    for (const auto& [name, two] : *by_two)
        if (held_inside(one.at(name))) bytes += two.lines_bytes - one.at(name).lines_bytes;
    return bytes;
}

double Observer::between(const Block& b, const Extents& scope, KnownTiles tiles,
                         Name source) const {
    double others = 0;
    LoopOf reader;
    KnownTiles tiles_there;
    int readers = 0;
    for (const StmtPtr& s : b) {
        if (auto* let = std::get_if<Let>(&s->node)) note_tile(*let, tiles);
        const TouchesPtr all = touched({s}, scope, tiles);
        auto found = all->find(source);
        if (found == all->end()) {
            others += footprint_bytes(*all);
            continue;
        }
        ++readers;
        reader = loop_of(*s);
        tiles_there = tiles;
        if (!reader.body) continue;
        const TouchesPtr one = touched(*reader.body, with(scope, reader), tiles);
        if (elements(one->at(source)) != elements(found->second)) reader.body = nullptr;
    }
    if (readers != 1 || !reader.body) {
        double bytes = 0;
        const TouchesPtr all = touched(b, scope, tiles);
        for (const auto& [name, touch] : *all)
            bytes += touch.lines_bytes * (name != source && held_inside(touch) ? 2 : 1);
        return bytes;
    }
    return others + between(*reader.body, with(scope, reader), tiles_there, source);
}

std::set<Name> Observer::lost(const Block& b, const Extents& scope, const KnownTiles& tiles,
                              const Room& capacity, const std::set<Name>& wanted) const {
    std::set<Name> dropped;
    lose(*this, b, scope, tiles, capacity, wanted, dropped);
    return dropped;
}

bool Observer::passes_through(const Block& b, const Extents& scope, const KnownTiles& tiles) const {
    const TouchesPtr here = touched(b, scope, tiles);
    return std::none_of(here->begin(), here->end(), [](const auto& entry) {
        const Touch& t = entry.second;
        return t.asked_bytes > static_cast<double>(elements(t) * t.element_bytes);
    });
}

bool comes_again(const Touch& one, const Touch& all, int64_t trips) {
    return elements(all) < trips * elements(one);
}

bool overlaps(const Box& box, Name axis) {
    bool moves = std::any_of(box.reach.begin(), box.reach.end(),
                             [&](const Reach& r) { return r.outer.uses(axis); });
    return moves && new_share(box, axis) < 1;
}

bool kept_further_in(const Block& body, Name axis, Name source) {
    return std::any_of(body.begin(), body.end(), [&](const StmtPtr& s) {
        auto* let = std::get_if<Let>(&s->node);
        return let && let->source && let->ring == axis && let->source->target == source;
    });
}

}  // namespace smeaton::gir::cache
