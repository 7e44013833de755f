#include "gir/rewrite/lives.h"

#include <algorithm>

#include "gir/layout.h"
#include "gir/names.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

namespace {

bool mentions(const StmtPtr& s, Name tile) {
    bool found = false;
    auto note = [&](const Slice& slice, bool) { found = found || slice.target == tile; };
    for_each_stmt({s}, [&](const Stmt& inner) {
        if (auto* op = std::get_if<Op>(&inner.node)) for_each_slice(*op, note);
        if (auto* let = std::get_if<Let>(&inner.node); let && let->source)
            visit_with_indices(*let->source, false, note);
        if (auto* check = std::get_if<Check>(&inner.node))
            if (auto* slice = std::get_if<Slice>(&check->condition))
                visit_with_indices(*slice, false, note);
    });
    return found;
}

size_t last_use(const Block& b, size_t declared, Name tile) {
    size_t last = declared;
    for (size_t i = declared + 1; i < b.size(); ++i)
        if (mentions(b[i], tile)) last = i;
    return last;
}

bool is_shared_out(const StmtPtr& s) {
    bool found = false;
    for_each_stmt({s}, [&](const Stmt& inner) {
        found = found || std::holds_alternative<Parallel>(inner.node);
    });
    return found;
}

class Shortener {
public:
    Shortener(const Target& target, std::set<Name>& taken) : target_(target), taken_(taken) {}

    Block block(const Block& b, LiveBytes around) {
        const Block cut = is_overfull(b, around) ? in_blocks(b) : b;
        Block out;
        for (const StmtPtr& s : cut) {
            note(s, around);
            const Block* body = body_of(*s);
            if (!body) {
                out.push_back(s);
                continue;
            }
            Block inner = block(*body, around);
            if (inner == *body)
                out.push_back(s);
            else
                out.push_back(with_body(*s, std::move(inner)));
        }
        return out;
    }

private:
    void note(const StmtPtr& s, LiveBytes& live) const {
        auto* let = std::get_if<Let>(&s->node);
        const TargetLevel* level = let ? target_.find(let->tile.level) : nullptr;
        if (level) live[level->name] += part_bytes(*let, *level);
    }

    bool is_overfull(const Block& b, const LiveBytes& around) const {
        return std::any_of(target_.levels.begin(), target_.levels.end(),
                           [&](const TargetLevel& level) {
                               if (!target_.is_scratchpad(level)) return false;
                               auto outer = around.find(level.name);
                               int64_t live = outer == around.end() ? 0 : outer->second;
                               return !level.capacity.holds(live + live_bytes(b, level));
                           });
    }

    /// Statements from a tile's declaration to the last use of any that is declared meanwhile. What
    /// units share out stays where it is.
    Block in_blocks(const Block& b) {
        Block out;
        for (size_t first = 0; first < b.size();) {
            size_t last = first;
            bool tiles = false, shared_out = false;
            for (size_t i = first; i <= last; ++i) {
                shared_out = shared_out || is_shared_out(b[i]);
                auto* let = std::get_if<Let>(&b[i]->node);
                if (!let) continue;
                tiles = true;
                last = std::max(last, last_use(b, i, let->tile.name));
            }
            Block section(b.begin() + static_cast<std::ptrdiff_t>(first),
                          b.begin() + static_cast<std::ptrdiff_t>(last) + 1);
            const bool whole = section.size() == b.size();
            if (whole && tiles && b.size() > 1) {  // the first one lives through all the others
                const Block rest = in_blocks(Block(b.begin() + 1, b.end()));
                out.push_back(b.front());
                out.insert(out.end(), rest.begin(), rest.end());
                return out;
            }
            if (tiles && !shared_out && !whole)
                out.push_back(stmt(For{fresh("once", taken_), Dim(1), {}, {}, 1, section}));
            else
                out.insert(out.end(), section.begin(), section.end());
            first = last + 1;
        }
        return out;
    }

    const Target& target_;
    std::set<Name>& taken_;
};

}  // namespace

int64_t part_bytes(const Let& let, const TargetLevel& level) {
    return std::max(bytes_of(let.tile), (bytes_of(let) + level.parts - 1) / level.parts);
}

int64_t live_bytes(const Block& block, const TargetLevel& level) {
    return static_cast<int64_t>(most_at_once(block, [&](const Let& let) {
        return let.tile.level == level.name ? static_cast<double>(part_bytes(let, level)) : 0;
    }));
}

LiveBytes live_bytes(const Block& block, const Target& target) {
    LiveBytes living;
    for (const TargetLevel& level : target.levels) living[level.name] = live_bytes(block, level);
    return living;
}

const TargetLevel& level_beside(const LiveBytes& living, int64_t bytes, const Target& target) {
    const TargetLevel* level = &target.memory_for(OperandRole::Vector, bytes);
    auto full = [&] {
        auto at = living.find(level->name);
        return !level->capacity.holds(bytes + (at == living.end() ? 0 : at->second));
    };
    while (level != &target.outermost() && full()) level = &target.outwards_of(*level);
    return *level;
}

Block with_short_lives(const Block& body, const Target& target, std::set<Name>& taken) {
    return Shortener(target, taken).block(body, {});
}

}  // namespace smeaton::gir::rewrite
