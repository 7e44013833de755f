#include "gir/rewrite/spell/registers.h"

#include <set>

#include "gir/layout.h"
#include "gir/rewrite/lives.h"
#include "gir/rewrite/scratch_room.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

namespace {

// Of one tile; larger ones are memory.
constexpr int64_t kVectors = 64;
constexpr int64_t kScalars = 32;

/// Tiles that are indexed by something that is known only when the program runs.
struct Scan {
    std::set<Name> unfit;

    void slice(const Slice& s, const std::vector<NamedDim>& dims) {
        for (const Coord& c : s.at) {
            if (c.index) {
                unfit.insert(s.target);
                slice(*c.index, dims);
            }
            for (const Term& t : c.affine.terms) {
                bool is_dim = false;
                for (const NamedDim& d : dims) is_dim = is_dim || d.name == t.var;
                if (!is_dim) unfit.insert(s.target);
            }
        }
    }

    void visit(const Op& op) {
        for_each_slice(op, [&](const Slice& s, bool) {
            slice(s, op.dims);
            // The order of a scatter's dims must stay, so they are not unrolled out of it.
            if (op.kind == OpKind::Scatter && !s.at.empty()) unfit.insert(s.target);
        });
        if (op.kind != OpKind::Sort) return;
        unfit.insert(op.dst.target);
        if (op.payload) unfit.insert(op.payload->target);
        if (op.spelling) unfit.insert(op.spelling->scratch.begin(), op.spelling->scratch.end());
    }
    void visit(const Let& let) {
        if (let.constant || let.source) unfit.insert(let.tile.name);
        if (!let.source) return;
        unfit.insert(let.source->target);
        for (const Coord& c : let.source->at)
            if (c.index) unfit.insert(c.index->target);
    }
    void visit(const Check& check) {
        if (auto* s = std::get_if<Slice>(&check.condition)) slice(*s, check.dims);
    }
    template <class Node>
    void visit(const Node&) {}
};

struct Settler {
    const Target& target;
    const std::set<Name>& unfit;
    ScratchRoom room;

    bool small_enough(const Tile& tile) const {
        int64_t lanes = target.lanes(DType::kF32), variables = 1;
        for (size_t d = 0; d < tile.dims.size(); ++d) {
            int64_t n = tile.dims[d].extent.value();
            variables *= static_cast<int>(d) == tile.lanes ? (n + lanes - 1) / lanes : n;
        }
        if (tile.level == target.registers().name) return variables <= kVectors;
        if (tile.lanes >= 0) return false;
        return variables <= (tile.level == Name("local") ? kScalars : 1);
    }

    Tile settled(Tile tile, bool shared) {
        Name registers = target.registers().name;
        if (!shared && unfit.count(tile.name) == 0 && small_enough(tile))
            tile.level = registers;
        else if (tile.level == registers || tile.level == Name("local"))
            tile.level =
                room.take(target.memory_for(OperandRole::Vector, bytes_of(tile)), bytes_of(tile));
        return tile;
    }
};

}  // namespace

Block settle_tiles(const Block& body, const Target& target, bool several_phases) {
    Scan scan;
    for_each_stmt(body, [&](const Stmt& s) {
        std::visit([&](const auto& node) { scan.visit(node); }, s.node);
    });
    std::set<Name> shared;
    for (const StmtPtr& s : body)
        if (auto* let = std::get_if<Let>(&s->node); let && several_phases)
            shared.insert(let->tile.name);
    Settler settler{target, scan.unfit, ScratchRoom(target)};
    for_each_stmt(body, [&](const Stmt& s) {
        auto* let = std::get_if<Let>(&s.node);
        const TargetLevel* level = let ? target.find(let->tile.level) : nullptr;
        if (level) settler.room.note(level->name, part_bytes(*let, *level));
    });
    return map_stmts(body, [&](const StmtPtr& s) -> Block {
        auto* let = std::get_if<Let>(&s->node);
        if (!let || let->source) return {s};
        Let next = *let;
        next.tile = settler.settled(next.tile, shared.count(next.tile.name) > 0);
        return {next.tile == let->tile ? s : stmt(std::move(next))};
    });
}

}  // namespace smeaton::gir::rewrite
