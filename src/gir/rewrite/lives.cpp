#include "gir/rewrite/lives.h"

#include <algorithm>

#include "gir/layout.h"
#include "gir/names.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

namespace {

using LiveBytes = std::map<Name, int64_t>;

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
    static void note(const StmtPtr& s, LiveBytes& live) {
        if (auto* let = std::get_if<Let>(&s->node)) live[let->tile.level] += bytes_of(*let);
    }

    bool is_overfull(const Block& b, const LiveBytes& around) const {
        return std::any_of(target_.levels.begin(), target_.levels.end(),
                           [&](const TargetLevel& level) {
                               if (!target_.is_scratchpad(level)) return false;
                               auto outer = around.find(level.name);
                               int64_t live = outer == around.end() ? 0 : outer->second;
                               return !level.capacity.holds(live + live_bytes(b, level.name));
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

int64_t live_bytes(const Block& block, Name level) {
    int64_t live = 0, most = 0;
    for (const StmtPtr& s : block) {
        auto* let = std::get_if<Let>(&s->node);
        if (let && let->tile.level == level) live += bytes_of(*let);
        const Block* body = body_of(*s);
        most = std::max(most, live + (body ? live_bytes(*body, level) : 0));
    }
    return most;
}

Block with_short_lives(const Block& body, const Target& target, std::set<Name>& taken) {
    return Shortener(target, taken).block(body, {});
}

}  // namespace smeaton::gir::rewrite
