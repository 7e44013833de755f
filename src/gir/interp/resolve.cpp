#include "gir/interp/resolve.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "base/error.h"
#include "gir/walk.h"

namespace smeaton::gir::interp {

namespace {

void add_to(std::vector<std::pair<int, int64_t>>& terms, int id, int64_t k) {
    for (auto it = terms.begin(); it != terms.end(); ++it) {
        if (it->first != id) continue;
        it->second += k;
        if (it->second == 0) terms.erase(it);
        return;
    }
    if (k != 0) terms.emplace_back(id, k);
}

void add_scaled(LinearForm& into, const LinearForm& f, int64_t k) {
    into.constant += f.constant * k;
    for (const auto& [slot, c] : f.axes) add_to(into.axes, slot, c * k);
    for (const auto& [dim, c] : f.dims) add_to(into.dims, dim, c * k);
}

// A tile name in scope.
struct TileEntry {
    Place* place = nullptr;           // a real tile
    std::shared_ptr<SliceRef> claim;  // or what it is read through to, over its own dims
    int level = 0;
    int64_t rank = 0;
    DType dtype = DType::kF32;
};

SliceRef through(const SliceRef& source, const std::vector<CoordForm>& by);

// The form with its dims (of a claim) replaced by coordinates (of a slice of the claim).
CoordForm through(const CoordForm& form, const std::vector<CoordForm>& by) {
    CoordForm out;
    out.affine.constant = form.affine.constant;
    out.affine.axes = form.affine.axes;
    for (const auto& [dim, k] : form.affine.dims) {
        const CoordForm& c = by[static_cast<size_t>(dim)];
        add_scaled(out.affine, c.affine, k);
        for (const CoordForm::Computed& x : c.computed)
            out.computed.push_back({x.coefficient * k, x.index});
    }
    for (const CoordForm::Computed& x : form.computed)
        out.computed.push_back(
            {x.coefficient, std::make_shared<const SliceRef>(through(*x.index, by))});
    return out;
}

SliceRef through(const SliceRef& source, const std::vector<CoordForm>& by) {
    SliceRef out = source;
    for (CoordForm& c : out.at) c = through(c, by);
    for (BoundForm& b : out.bounds) {
        CoordForm replaced = through(CoordForm{b.expr, {}}, by);
        SMEATON_CHECK(replaced.computed.empty(), "a computed coordinate in a bound");
        b.expr = replaced.affine;
    }
    return out;
}

class Resolver {
public:
    Resolver(Resolved& out, const Program& program, Memory& memory, const Options& options)
        : out_(out),
          program_(program),
          memory_(memory),
          options_(options),
          bindings_(bindings_of(program, options.bindings)) {}

    Nodes block(const Block& stmts) {
        Nodes nodes;
        auto saved_tiles = tiles_;
        auto saved_axes = axes_;
        for (size_t i = 0; i < stmts.size(); ++i) {
            rest_ = Block(stmts.begin() + static_cast<std::ptrdiff_t>(i) + 1, stmts.end());
            std::visit([&](const auto& s) { visit(s, nodes); }, stmts[i]->node);
        }
        tiles_ = saved_tiles;
        axes_ = saved_axes;
        return nodes;
    }

private:
    using DimNames = std::vector<NamedDim>;

    int64_t value(const Dim& d) {
        Dim bound = d.bind(bindings_);
        SMEATON_CHECK(bound.is_const(), "{}: size {} is not bound", out_.kernel_name, d.str());
        return bound.value();
    }

    LinearForm form(const Affine& a, const DimNames& dims) {
        LinearForm f;
        f.constant = a.constant;
        for (const Term& t : a.terms) {
            auto dim = std::find_if(dims.begin(), dims.end(),
                                    [&](const NamedDim& d) { return d.name == t.var; });
            if (dim != dims.end()) {
                add_to(f.dims, static_cast<int>(dim - dims.begin()), t.coefficient);
            } else if (auto axis = axes_.find(t.var); axis != axes_.end()) {
                add_to(f.axes, axis->second, t.coefficient);
            } else {
                auto param = bindings_.find(t.var);
                SMEATON_CHECK(param != bindings_.end(), "{}: {} is no axis, dim or bound parameter",
                              out_.kernel_name, t.var);
                f.constant += t.coefficient * param->second;
            }
        }
        return f;
    }

    static void note_dims(const LinearForm& f, std::set<int>& used) {
        for (const auto& [dim, k] : f.dims) used.insert(dim);
    }

    std::vector<BoundForm> bounds_of(const Slice& s, const DimNames& dims) {
        std::vector<BoundForm> bounds;
        if (!s.within) return bounds;
        for (const Bound& b : s.within->bounds) {
            BoundForm f{form(b.expr, dims), kNoLow, kNoHigh};
            if (b.lo) f.lo = value(*b.lo);
            if (b.hi) f.hi = value(*b.hi);
            bounds.push_back(std::move(f));
        }
        return bounds;
    }

    // `outer`: bounds of the slice that this one is an index of.
    SliceRef slice(const Slice& s, const DimNames& dims, const std::vector<BoundForm>& outer = {}) {
        std::vector<BoundForm> bounds = bounds_of(s, dims);
        bounds.insert(bounds.end(), outer.begin(), outer.end());
        std::set<int> used;
        for (const BoundForm& b : bounds) note_dims(b.expr, used);
        std::vector<CoordForm> at;
        for (const Coord& c : s.at) {
            CoordForm f{form(c.affine, dims), {}};
            note_dims(f.affine, used);
            if (c.index) {
                auto index = std::make_shared<const SliceRef>(slice(*c.index, dims, bounds));
                SMEATON_CHECK(!tensor::is_float(index->place->dtype), "{}: index {} is not integer",
                              out_.kernel_name, c.index->target);
                used.insert(index->own_dims.begin(), index->own_dims.end());
                f.computed.push_back({1, index});
            }
            at.push_back(std::move(f));
        }
        SliceRef ref = placed(s.target, std::move(at));
        ref.bounds = std::move(bounds);
        if (s.within) ref.otherwise = s.within->otherwise;
        ref.own_dims.assign(used.begin(), used.end());
        return ref;
    }

    SliceRef placed(Name target, std::vector<CoordForm> at) {
        SliceRef ref;
        if (auto tile = tiles_.find(target); tile != tiles_.end()) {
            const TileEntry& entry = tile->second;
            SMEATON_CHECK(static_cast<int64_t>(at.size()) == entry.rank,
                          "{}: tile {} has {} dims, a slice of it {}", out_.kernel_name, target,
                          entry.rank, at.size());
            if (entry.claim) {
                ref = through(*entry.claim, at);
                ref.bounds.clear();
            } else {
                ref.place = entry.place;
                ref.at = std::move(at);
            }
            ref.level = entry.level;
            ref.charged_buffer = Name();
            return ref;
        }
        ref.place = buffer_place(target);
        SMEATON_CHECK(at.size() == ref.place->maps.size(),
                      "{}: buffer {} has {} dims, a slice of it {}", out_.kernel_name, target,
                      ref.place->maps.size(), at.size());
        ref.at = std::move(at);
        ref.level = ref.place->level;
        ref.charged_buffer = target;
        return ref;
    }

    Place* new_place(Name name, Name level, DType dtype, bool tile) {
        out_.places.push_back(std::make_unique<Place>());
        Place* p = out_.places.back().get();
        p->region = {name, level, 0, 0, tile};
        p->traced = options_.trace && options_.trace->wants(p->region);
        p->dtype = dtype;
        p->level = out_.levels.index(level);
        return p;
    }

    void put_storage(Place* p, const Storage& s) {
        p->storage = s;
        p->data = s.data;
        p->elements = s.elements;
        p->writable = s.writable;
        p->region.bytes = s.bytes();
    }

    Place* buffer_place(Name name) {
        if (auto found = buffers_.find(name); found != buffers_.end()) return found->second;
        Buffer buffer = bound_buffer(program_.buffer(name), bindings_);
        auto storage = memory_.find(name);
        SMEATON_CHECK(storage != memory_.end(), "{}: no storage for buffer {}", out_.kernel_name,
                      name);
        Place* p = new_place(name, charged_level(buffer), buffer.dtype, false);
        put_storage(p, storage->second);
        int64_t needed = physical_elements(buffer).value();
        SMEATON_CHECK(p->elements >= needed && storage->second.dtype == buffer.dtype,
                      "{}: the storage of {} has {} elements, {} are needed", out_.kernel_name,
                      name, p->elements, needed);
        p->maps = dim_maps(buffer);
        // Buffers that share bytes share addresses.
        auto [shared, fresh] = addresses_.try_emplace(p->data, next_address_);
        p->region.address = shared->second;
        if (fresh) advance_address(p->region.bytes);
        if (options_.written) {
            p->written = &(*options_.written)[name];
            p->written->resize(static_cast<size_t>(p->elements), 0);
        }
        buffers_[name] = p;
        return p;
    }

    void advance_address(int64_t bytes) {
        next_address_ += (static_cast<uint64_t>(bytes) + 4095) / 4096 * 4096 + 4096;
    }

    Place* tile_place(const Tile& tile, const std::vector<int64_t>& extents) {
        Place* p = new_place(tile.name, tile.level, tile.dtype, true);
        int64_t elements = 1;
        for (int64_t e : extents) elements *= e;
        put_storage(p, make_storage(tile.dtype, elements));
        p->maps = dense_maps(extents);
        p->region.address = next_address_;
        advance_address(p->region.bytes);
        return p;
    }

    std::vector<int64_t> extents_of(const DimNames& dims) {
        std::vector<int64_t> extents;
        for (const NamedDim& d : dims) extents.push_back(value(d.extent));
        return extents;
    }

    template <class T>
    static T* keep(std::vector<std::unique_ptr<T>>& owners, T node) {
        owners.push_back(std::make_unique<T>(std::move(node)));
        return owners.back().get();
    }

    void visit_loop(LoopNode loop, Name axis, const Block& body, Nodes& nodes) {
        auto saved_rest = rest_;
        auto saved_axes = axes_;  // an inner axis may shadow an outer one
        loop.slot = out_.axis_slots++;
        axes_[axis] = loop.slot;
        LoopNode* node = keep(out_.loops, std::move(loop));
        loop_stack_.push_back({axis, node});
        Nodes inner = block(body);
        loop_stack_.pop_back();
        node->body = keep(out_.blocks, std::move(inner));
        axes_ = saved_axes;
        rest_ = saved_rest;
        nodes.push_back({node});
    }

    void visit(const Parallel& p, Nodes& nodes) {
        LoopNode loop;
        loop.extent = value(p.extent);
        loop.parallel = true;
        visit_loop(std::move(loop), p.axis, p.body, nodes);
    }

    void visit(const For& f, Nodes& nodes) {
        LoopNode loop;
        loop.extent = value(f.extent);
        for (const Affine& a : f.from) loop.from.push_back(form(a, {}));
        for (const Affine& a : f.to) loop.to.push_back(form(a, {}));
        visit_loop(std::move(loop), f.axis, f.body, nodes);
    }

    void visit(const Let& let, Nodes& nodes) {
        LetNode node;
        node.let = &let;
        node.extents = extents_of(let.tile.dims);
        TileEntry entry;
        entry.level = out_.levels.index(let.tile.level);
        entry.rank = static_cast<int64_t>(let.tile.dims.size());
        entry.dtype = let.tile.dtype;
        if (let.source) node.source = slice(*let.source, let.tile.dims);
        if (let.kind == TileKind::Claim) {
            entry.claim = std::make_shared<SliceRef>(*node.source);
        } else {
            entry.place = node.place = tile_place(let.tile, node.extents);
            if (let.constant) set_constant(let, node);
            if (let.kind == TileKind::Copy) make_fill(let, node, entry);
        }
        node.at_top = loop_stack_.empty();
        node.copies = tile_copies(out_.levels, let, rest_);
        tiles_[let.tile.name] = entry;
        LetNode* kept = keep(out_.lets, std::move(node));
        if (!let.ring.empty()) note_ring(let, kept);
        if (let.depth > 1) make_parts(let, kept);
        nodes.push_back({kept});
    }

    void set_constant(const Let& let, LetNode& node) {
        const Tensor& data = *let.constant;
        SMEATON_CHECK(data.dtype() == let.tile.dtype && data.elements() == node.place->elements,
                      "{}: the data of constant tile {} do not fit it", out_.kernel_name,
                      let.tile.name);
        std::memcpy(node.place->data, data.data(), static_cast<size_t>(data.bytes()));
        node.place->constant = true;
    }

    void make_fill(const Let& let, LetNode& node, const TileEntry& entry) {
        node.fill_op = std::make_shared<const Op>(filling_of(let));
        tiles_[let.tile.name] = entry;
        node.fill = std::make_shared<OpNode>(op_node(*node.fill_op));
    }

    void make_parts(const Let& let, LetNode* node) {
        SMEATON_CHECK(!loop_stack_.empty(), "{}: {} is copied in parts without a loop around it",
                      out_.kernel_name, let.tile.name);
        node->address = node->place->region.address;
        node->parts.push_back(node->place->storage);
        while (static_cast<int>(node->parts.size()) < let.depth)
            node->parts.push_back(make_storage(let.tile.dtype, node->place->elements));
        advance_address(node->place->region.bytes * (let.depth - 1));
        LoopNode* loop = loop_stack_.back().second;
        node->loop = loop;
        if (let.ring.empty()) loop->rings.push_back(node);
    }

    void note_ring(const Let& let, LetNode* node) {
        for (auto it = loop_stack_.rbegin(); it != loop_stack_.rend(); ++it) {
            if (it->first != let.ring) continue;
            node->ring_slot = it->second->slot;
            it->second->rings.push_back(node);
            return;
        }
        SMEATON_CHECK(false, "{}: ring({}) of {} names no enclosing loop", out_.kernel_name,
                      let.ring, let.tile.name);
    }

    OpNode op_node(const Op& op) {
        OpNode node;
        node.op = &op;
        node.extents = extents_of(op.dims);
        node.dst = slice(op.dst, op.dims);
        SMEATON_CHECK(node.dst.place->writable && !node.dst.place->constant,
                      "{}: {} may not be written", out_.kernel_name, op.dst.target);
        for (const Operand& o : op.srcs) {
            auto* s = std::get_if<Slice>(&o);
            node.srcs.push_back(s ? std::optional<SliceRef>(slice(*s, op.dims)) : std::nullopt);
            node.literals.push_back(s ? Literal{} : std::get<Literal>(o));
        }
        if (op.payload) node.payload = slice(*op.payload, op.dims);
        node.value = form(op.value, op.dims);
        for (size_t d = 0; d < op.dims.size(); ++d)
            if (op.dims[d].name == op.along) node.along = static_cast<int>(d);
        node.in_dst.resize(op.dims.size(), false);
        for (int d : node.dst.own_dims) node.in_dst[static_cast<size_t>(d)] = true;
        return node;
    }

    void visit(const Op& op, Nodes& nodes) { nodes.push_back({keep(out_.ops, op_node(op))}); }

    void visit(const Prefetch&, Nodes&) {}

    void visit(const Check& check, Nodes& nodes) {
        CheckNode node;
        node.check = &check;
        node.extents = extents_of(check.dims);
        if (auto* s = std::get_if<Slice>(&check.condition))
            node.condition = slice(*s, check.dims);
        else
            node.literal = std::get<Literal>(check.condition);
        nodes.push_back({keep(out_.checks, std::move(node))});
    }

    Resolved& out_;
    const Program& program_;
    Memory& memory_;
    const Options& options_;
    Bindings bindings_;
    std::map<Name, int> axes_;
    std::map<Name, TileEntry> tiles_;
    std::map<Name, Place*> buffers_;
    std::map<const std::byte*, uint64_t> addresses_;
    std::vector<std::pair<Name, LoopNode*>> loop_stack_;
    Block rest_;
    uint64_t next_address_ = 4096;
};

}  // namespace

Resolved resolve(const Block& body, const std::string& kernel_name, const Program& program,
                 Memory& memory, const Options& options) {
    Resolved out;
    out.kernel_name = kernel_name;
    out.source = body;
    Kernel uses;
    uses.body = body;
    uses = with_uses(std::move(uses));
    out.levels = options.levels ? *options.levels : levels_used(program, {&uses});
    out.body = Resolver(out, program, memory, options).block(body);
    return out;
}

}  // namespace smeaton::gir::interp
