#include "gir/rewrite/spell/lines.h"

#include "gir/layout.h"
#include "gir/rewrite/lives.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

namespace {

struct Lines {
    const Op& op;
    const Program& program;
    const Target& target;
    const std::map<Name, DType>& tiles;
    const LiveBytes& living;
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
        tile.level = level_beside(living, bytes, target).name;
        body.push_back(stmt(Let{tile}));
        return tile.name;
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

struct Sorts {
    const Program& program;
    const Target& target;
    std::set<Name>& taken;
    std::map<Name, DType> tiles = {};
    LiveBytes living = {};  ///< the tiles that there were, and lines of the blocks around

    Block block(const Block& b) {
        const LiveBytes around = living;
        Block out;
        for (const StmtPtr& s : b) {
            auto* op = std::get_if<Op>(&s->node);
            if (op && is_open(*op)) {
                const Block lines = sorted(*op);
                out.insert(out.end(), lines.begin(), lines.end());
            } else if (const Block* body = body_of(*s)) {
                const Block inner = block(*body);
                out.push_back(inner == *body ? s : with_body(*s, inner));
            } else {
                out.push_back(s);
            }
        }
        living = around;
        return out;
    }

    /// Lines that no loop is around live to the end of the block, beside those of the sorts to
    /// come.
    Block sorted(const Op& op) {
        Block lines = Lines{op, program, target, tiles, living, taken}.run();
        for (const StmtPtr& s : lines)
            if (auto* let = std::get_if<Let>(&s->node))
                living[let->tile.level] += bytes_of(let->tile);
        return lines;
    }

    static bool is_open(const Op& op) { return op.kind == OpKind::Sort && !op.spelling; }
};

}  // namespace

Block sort_by_lines(const Block& block, const Program& program, const Target& target,
                    std::set<Name>& taken) {
    Sorts sorts{program, target, taken};
    bool any = false;
    for_each_stmt(block, [&](const Stmt& s) {
        if (auto* let = std::get_if<Let>(&s.node)) sorts.tiles[let->tile.name] = let->tile.dtype;
        if (auto* op = std::get_if<Op>(&s.node)) any = any || Sorts::is_open(*op);
    });
    if (!any) return block;
    sorts.living = live_bytes(block, target);
    return sorts.block(block);
}

}  // namespace smeaton::gir::rewrite
