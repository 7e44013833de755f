#include "gir/cache/touch_table.h"

#include <algorithm>

#include "gir/walk.h"

namespace smeaton::gir::cache {

namespace {

void mix(size_t& hash, size_t value) {
    hash ^= value + 0x9e3779b97f4a7c15u + (hash << 6) + (hash >> 2);
}

void mix(size_t& hash, Name name) {
    mix(hash, std::hash<Name>()(name));
}

void mix(size_t& hash, const Block& block) {
    for (const StmtPtr& s : block) mix(hash, std::hash<const void*>()(s.get()));
}

void mix(size_t& hash, const Slice& slice) {
    mix(hash, slice.target);
    for (const Coord& c : slice.at) {
        mix(hash, static_cast<size_t>(c.affine.constant));
        for (const Term& t : c.affine.terms) {
            mix(hash, t.var);
            mix(hash, static_cast<size_t>(t.coefficient));
        }
    }
}

/// Of enough to keep statements apart that differ; bodies by their addresses.
size_t hash_of(const Stmt& s) {
    size_t hash = s.node.index();
    if (auto* p = std::get_if<Parallel>(&s.node)) mix(hash, p->axis);
    if (auto* f = std::get_if<For>(&s.node)) mix(hash, f->axis);
    if (const Block* body = body_of(s)) mix(hash, *body);
    if (auto* let = std::get_if<Let>(&s.node)) {
        mix(hash, let->tile.name);
        if (let->source) mix(hash, *let->source);
    }
    if (auto* op = std::get_if<Op>(&s.node)) {
        mix(hash, static_cast<size_t>(op->fn));
        mix(hash, op->dst);
        for (const Operand& o : op->srcs)
            if (auto* slice = std::get_if<Slice>(&o)) mix(hash, *slice);
    }
    return hash;
}

}  // namespace

TouchesPtr TouchTable::touched(const Block& block, const Extents& scope, const Program& program,
                               const KnownTiles& tiles, const FootprintOptions& options) {
    size_t hash = static_cast<size_t>(options.line_bytes);
    mix(hash, block);
    std::vector<Seen>& alike = seen_[hash];
    for (const Seen& s : alike)
        if (s.block == block && s.options == options && s.around.are(scope, tiles))
            return s.touches;
    Seen made{block, options, {}, nullptr};
    made.touches = std::make_shared<const Touches>(
        touched_by(block, scope, program, tiles, options, &made.around));
    const TouchesPtr touches = made.touches;
    if (seen_count_ == kMost) {
        seen_.clear();
        seen_count_ = 0;
    }
    seen_[hash].push_back(std::move(made));
    ++seen_count_;
    return touches;
}

StmtPtr TouchTable::only(StmtPtr statement) {
    std::vector<StmtPtr>& alike = statements_[hash_of(*statement)];
    for (const StmtPtr& s : alike)
        if (s == statement || same({s}, {statement})) return s;
    if (statement_count_ < kMost) {
        alike.push_back(statement);
        ++statement_count_;
        return statement;
    }
    statements_.clear();
    statement_count_ = 0;
    return statement;
}

namespace {

void measure_touches(KeptSize& size, const Touches& touches) {
    size.add_all(touches);
    for (const auto& [target, touch] : touches) {
        size.add_all(touch.boxes);
        for (const Box& box : touch.boxes) size.add_all(box.reach);
    }
}

}  // namespace

void TouchTable::measure(KeptSize& size) const {
    for (const auto& [hash, alike] : seen_)
        for (const Seen& s : alike) {
            size.add(sizeof(Seen) + KeptSize::kNode);
            size.add(s.block);
            size.add_all(s.around.extents);
            size.add_all(s.around.tiles);
            if (size.is_new(s.touches.get())) measure_touches(size, *s.touches);
        }
    for (const auto& [hash, alike] : statements_) size.add(alike);
}

}  // namespace smeaton::gir::cache
