#include "gir/rewrite/spell/lines.h"

#include "gir/layout.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

namespace {

struct Lines {
    const Op& op;
    const Program& program;
    const Target& target;
    const std::map<Name, DType>& tiles;
    const std::map<Name, double>& standing;  ///< by level: bytes that tiles take at once
    std::set<Name>& taken;
    Dim length = {};
    Block body = {};

    DType dtype(Name name) const {
        auto tile = tiles.find(name);
        return tile != tiles.end() ? tile->second : program.buffer(name).dtype;
    }

    /// A line that holds as many elements of the dtype.
    Name line(const char* stem, DType dtype) {
        Tile tile;
        tile.name = fresh(Name(stem), taken);
        tile.dtype = dtype;
        tile.dims = {{op.along, length}};
        // Four lines at once: the keys, the payload, and what both merge into.
        int64_t bytes = 4 * tensor::byte_count(dtype, length.value());
        tile.level = level_for(bytes);
        body.push_back(stmt(Let{tile}));
        return tile.name;
    }

    /// The first level that has room beside what else stands in it.
    Name level_for(int64_t bytes) const {
        const TargetLevel* level = &target.memory_for(OperandRole::Vector, bytes);
        auto full = [&] {
            auto at = standing.find(level->name);
            return at != standing.end() && !level->capacity.room().holds(at->second + bytes);
        };
        while (level != &target.outermost() && full()) level = &target.outwards_of(*level);
        return level->name;
    }

    Slice of(Name tile) const { return {tile, {Coord(op.along)}, {}}; }

    void move(const Slice& to, const Slice& from) {
        Op m;
        m.dims = {{op.along, length}};
        m.dst = to;
        m.srcs = {from};
        m.origins = op.origins;
        body.push_back(stmt(std::move(m)));
    }

    /// A tile of one dim, read from its start: a line already.
    bool is_line(const Slice& s) const {
        return tiles.count(s.target) > 0 && s.at.size() == 1 && !s.at[0].index && !s.within &&
               s.at[0].affine == Affine(op.along);
    }

    Block in_place() {
        length = op.dims[0].extent;
        Op sort = op;
        sort.spelling = merging(op);
        body.push_back(stmt(std::move(sort)));
        return body;
    }

    /// Declares what `sort` merges into.
    Spelling merging(const Op& sort) {
        Spelling spelling;
        spelling.loops = {op.along};
        spelling.scratch.push_back(line("merged_keys", dtype(sort.dst.target)));
        if (op.payload)
            spelling.scratch.push_back(line("merged_payload", dtype(sort.payload->target)));
        return spelling;
    }

    Block run() {
        if (op.dims.size() == 1 && is_line(op.dst) && (!op.payload || is_line(*op.payload)))
            return in_place();
        std::vector<NamedDim> outer;
        for (const NamedDim& d : op.dims)
            d.name == op.along ? void(length = d.extent) : outer.push_back(d);
        Op sort = op;
        sort.dims = {{op.along, length}};
        Name keys = line("keys", dtype(op.dst.target)), payload;
        if (op.payload) payload = line("payload", dtype(op.payload->target));
        sort.spelling = merging(op);
        move(of(keys), op.dst);
        if (op.payload) move(of(payload), *op.payload);
        sort.dst = of(keys);
        if (op.payload) sort.payload = of(payload);
        body.push_back(stmt(std::move(sort)));
        move(op.dst, of(keys));
        if (op.payload) move(*op.payload, of(payload));
        for (size_t i = outer.size(); i-- > 0;) {
            Name axis = fresh(outer[i].name, taken);
            For loop;
            loop.axis = axis;
            loop.extent = outer[i].extent;
            loop.body = substitute(body, {{outer[i].name, Affine(axis)}});
            body = {stmt(std::move(loop))};
        }
        return body;
    }
};

/// By level: the most bytes that the block's tiles take at once.
std::map<Name, double> standing_in(const Block& block, const Target& target) {
    std::map<Name, double> most;
    for (const TargetLevel& level : target.levels) {
        if (!level.capacity.bounded()) continue;
        const double bytes = most_at_once(block, [&](const Let& let) {
            return let.tile.level == level.name ? static_cast<double>(bytes_of(let)) : 0;
        });
        if (bytes > 0) most[level.name] = bytes;
    }
    return most;
}

}  // namespace

Block sort_by_lines(const Block& block, const Program& program, const Target& target,
                    std::set<Name>& taken) {
    std::map<Name, DType> tiles;
    for_each_stmt(block, [&](const Stmt& s) {
        if (auto* let = std::get_if<Let>(&s.node)) tiles[let->tile.name] = let->tile.dtype;
    });
    std::optional<std::map<Name, double>> standing;  // found out for the first sort
    return map_stmts(block, [&](const StmtPtr& s) -> Block {
        auto* op = std::get_if<Op>(&s->node);
        if (!op || op->kind != OpKind::Sort || op->spelling) return {s};
        if (!standing) standing = standing_in(block, target);
        return Lines{*op, program, target, tiles, *standing, taken}.run();
    });
}

}  // namespace smeaton::gir::rewrite
