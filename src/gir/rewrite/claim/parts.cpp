#include "gir/rewrite/claim/parts.h"

#include <algorithm>
#include <set>

#include "gir/cache/footprint.h"
#include "gir/layout.h"
#include "gir/names.h"
#include "gir/rewrite/lives.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

using cache::loop_of;

namespace {

/// A copy in a loop, and what all its entries bring in.
struct LoopedCopy {
    StmtPtr let;
    double bytes = 0;
};

/// Iterations that one unit runs one after the other.
int64_t turns_of(const Stmt& loop, const Target& target) {
    if (auto* f = std::get_if<For>(&loop.node)) return f->extent.value();
    const auto& p = std::get<Parallel>(loop.node);
    int64_t units = target.cores;
    for (const TargetScope& s : target.scopes)
        if (s.name == p.scope) units = std::min<int64_t>(units, target.units(s.name));
    return p.extent.value() / std::max<int64_t>(1, units);
}

class Finder {
public:
    Finder(const Program& program, const Target& target) : program_(program), target_(target) {}

    /// Those that can run ahead wherever they stand, the ones that bring in most first.
    std::vector<LoopedCopy> find(const Block& body) {
        block(body, nullptr, 1);
        std::erase_if(found_, [&](const LoopedCopy& c) { return bound_.count(c.let) > 0; });
        std::stable_sort(
            found_.begin(), found_.end(),
            [](const LoopedCopy& a, const LoopedCopy& b) { return a.bytes > b.bytes; });
        return std::move(found_);
    }

private:
    void block(const Block& statements, const Stmt* loop, double times) {
        for (const StmtPtr& s : statements) {
            if (auto* let = std::get_if<Let>(&s->node); let && let->kind == TileKind::Copy) {
                if (loop && can_run_ahead(*let, *loop))
                    found_.push_back({s, times * static_cast<double>(bytes_of(let->tile))});
                else
                    bound_.insert(s);
            }
            if (const Block* body = body_of(*s))
                block(*body, s.get(), times * static_cast<double>(loop_of(*s).extent));
        }
    }

    /// May parts be filled before the iterations in front of theirs have run?
    bool can_run_ahead(const Let& copy, const Stmt& loop) const {
        const Name axis = loop_of(loop).axis;
        const Block& body = *body_of(loop);
        const std::set<Name> inside = tiles_declared(body);
        std::set<Name> untouched{copy.tile.name};
        bool moves = false, foreign = true;
        visit_with_indices(*copy.source, false, [&](const Slice& s, bool) {
            untouched.insert(root_of(program_, s.target));
            foreign = foreign && inside.count(s.target) == 0;
            for (const Coord& c : s.at) moves = moves || c.affine.uses(axis);
        });
        bool written = false;
        for_each_op(body, [&](const Op& op) {
            for_each_slice(op, [&](const Slice& s, bool writes) {
                written = written || (writes && untouched.count(root_of(program_, s.target)) > 0);
            });
        });
        bool own_ring = copy.ring.empty() || copy.ring == axis;
        return own_ring && moves && foreign && !written && turns_of(loop, target_) > 1;
    }

    const Program& program_;
    const Target& target_;
    std::vector<LoopedCopy> found_;
    std::set<StmtPtr> bound_;
};

}  // namespace

Block in_parts(Block body, const Program& program, const Target& target) {
    for (const LoopedCopy& copy : Finder(program, target).find(body)) {
        Let ahead = std::get<Let>(copy.let->node);
        const TargetLevel* level = target.find(ahead.tile.level);
        if (!level) continue;
        ahead.depth = std::max(2, level->parts);
        Block changed = map_stmts(
            body, [&](const StmtPtr& s) { return Block{s == copy.let ? stmt(ahead) : s}; });
        if (level->capacity.holds(live_bytes(changed, *level))) body = std::move(changed);
    }
    return body;
}

}  // namespace smeaton::gir::rewrite
