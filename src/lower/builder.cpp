#include "lower/builder.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "gir/scalar/evaluate.h"
#include "gir/walk.h"

namespace smeaton::lower {

using gir::Op;
using gir::OpKind;
using gir::Slice;

DType compute_dtype(DType t) {
    return t == DType::kF16 || t == DType::kBF16 ? DType::kF32 : t;
}

Literal literal(double v, DType t) {
    return tensor::is_float(t) ? Literal::of(v) : Literal::of_int(static_cast<int64_t>(v));
}

Literal lowest(DType t) {
    if (tensor::is_float(t)) return Literal::of(-std::numeric_limits<double>::infinity());
    if (tensor::dtype_class(t) != tensor::DTypeClass::Int) return Literal::of_int(0);
    return Literal::of_int(std::numeric_limits<int64_t>::min() >> (64 - tensor::bits(t)));
}

Literal highest(DType t) {
    if (tensor::is_float(t)) return Literal::of(std::numeric_limits<double>::infinity());
    if (t == DType::kBool) return Literal::of_int(1);
    if (t == DType::kU64) return Literal::of_int(-1);  // all bits set
    const int bits = tensor::bits(t) - (tensor::dtype_class(t) == tensor::DTypeClass::Int ? 1 : 0);
    return Literal::of_int(std::numeric_limits<int64_t>::max() >> (63 - bits));
}

/// What the op cast makes of a literal of dtype `from`.
static Literal converted(const Literal& l, DType from, DType to) {
    if (tensor::is_float(to))
        return Literal::of(l.is_int ? gir::cast_to_float(l.i, from == DType::kU64, to) : l.f);
    return Literal::of_int(l.is_int ? gir::wrap_int(l.i, to) : gir::cast_to_int(l.f, to));
}

static gir::Origins origins_of(const model::Node& node) {
    return node.origins.empty() ? gir::Origins{node.name} : node.origins;
}

KernelBuilder::KernelBuilder(NodeContext& node, std::string_view suffix)
    : node_(node), origins_(origins_of(node.node())), frames_(1) {
    std::set<Name>& taken = node.lowering().names.kernels;
    name_ = gir::fresh(identifier(node.node().name + std::string(suffix)), taken);
}

Name KernelBuilder::fresh_local(std::string_view base) {
    NameTable& names = node_.lowering().names;
    Name name = base;
    for (int n = 2; locals_.contains(name) || names.buffers.contains(name); ++n)
        name = fmt::format("{}_{}", base, n);
    locals_.insert(name);
    names.locals.insert(name);
    return name;
}

// ---- loops and dims ----

Affine KernelBuilder::open(std::string_view base, int64_t extent, bool is_parallel) {
    if (extent == 1) return 0;
    Name axis = fresh_local(base);
    frames_.push_back({is_parallel, axis, extent, {}});
    axes_[axis] = extent;
    return axis;
}

Affine KernelBuilder::parallel(std::string_view base, int64_t extent) {
    return open(base, extent, true);
}
Affine KernelBuilder::loop(std::string_view base, int64_t extent) {
    return open(base, extent, false);
}

Index KernelBuilder::parallel_all(const Shape& shape, std::string_view base) {
    Index out;
    for (size_t d = 0; d < shape.size(); ++d)
        out.push_back(parallel(fmt::format("{}{}", base, d), shape[d]));
    return out;
}

Affine KernelBuilder::dim(std::string_view base, int64_t extent) {
    if (extent == 1) return 0;
    Name name = fresh_local(base);
    dims_.push_back({name, extent});
    return name;
}

void KernelBuilder::close() {
    SMEATON_CHECK(frames_.size() > 1, "{}: nothing is open", name_);
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    gir::Block& outer = frames_.back().body;
    if (frame.is_parallel) {
        outer.push_back(
            gir::stmt(gir::Parallel{frame.axis, frame.extent, "any", std::move(frame.body)}));
    } else {
        gir::For loop;
        loop.axis = frame.axis;
        loop.extent = frame.extent;
        loop.body = std::move(frame.body);
        outer.push_back(gir::stmt(std::move(loop)));
    }
}

void KernelBuilder::close_all() {
    while (frames_.size() > 1) close();
}

void KernelBuilder::done() {
    close_all();
    gir::Kernel kernel;
    kernel.name = name_;
    kernel.origins = origins_;
    kernel.body = reuse_tiles(frames_[0].body);
    gir::KernelPtr made = std::make_shared<const gir::Kernel>(gir::with_uses(std::move(kernel)));
    node_.lowering().program.steps.push_back({gir::RunStep{std::move(made)}});
    frames_.assign(1, {});
}

// ---- operands ----

Val KernelBuilder::at(const Buf& buffer, const Index& index) const {
    SMEATON_CHECK(index.size() == buffer.shape.size(), "{}: {} coordinates for {} of rank {}",
                  name_, index.size(), buffer.name, buffer.shape.size());
    Slice s{buffer.name, {}, {}};
    for (const Affine& a : index) s.at.emplace_back(a);
    return {s, buffer.dtype};
}

Val KernelBuilder::at_or(const Buf& buffer, const Index& index, Literal otherwise) const {
    Val v = at(buffer, index);
    for (size_t d = 0; d < index.size(); ++d)
        v = with_bound(v, index[d], 0, buffer.shape[d], otherwise);
    return v;
}

Val KernelBuilder::with_bound(Val v, Affine expr, std::optional<int64_t> lo,
                              std::optional<int64_t> hi, Literal otherwise) const {
    gir::Extents extents;
    for (const auto& [axis, extent] : axes_) extents.emplace(axis, extent);
    for (const gir::NamedDim& d : dims_) extents[d.name] = d.extent.value();
    const gir::ValueRange range = gir::value_range(expr, extents);
    if (range.hi < range.lo) return v;  // no iteration at all
    gir::Bound bound{expr, {}, {}};
    if (lo && range.lo < *lo) bound.lo = *lo;
    if (hi && range.hi >= *hi) bound.hi = *hi;
    if (!bound.lo && !bound.hi) return v;
    Slice s = v.slice();
    if (!s.within) s.within = gir::Within{{}, otherwise};
    s.within->bounds.push_back(bound);
    return {s, v.dtype};
}

Val KernelBuilder::broadcast(const Buf& buffer, const Index& index) const {
    SMEATON_CHECK(buffer.shape.size() <= index.size(), "{}: {} has too many dims to broadcast",
                  name_, buffer.name);
    const size_t skip = index.size() - buffer.shape.size();
    Index own;
    for (size_t d = 0; d < buffer.shape.size(); ++d)
        own.push_back(buffer.shape[d] == 1 ? Affine(0) : index[skip + d]);
    return at(buffer, own);
}

Val KernelBuilder::computed(Val v, size_t axis, const Val& index) const {
    Slice s = v.slice();
    s.at[axis] = gir::Coord(s.at[axis].affine, index.slice());
    return {s, v.dtype};
}

// ---- free dims ----

static void collect_vars(const Affine& a, std::set<Name>& out) {
    for (const gir::Term& t : a.terms) out.insert(t.var);
}

static void collect_vars(const Slice& s, std::set<Name>& out) {
    for (const gir::Coord& c : s.at) {
        collect_vars(c.affine, out);
        if (c.index) collect_vars(*c.index, out);
    }
    if (s.within)
        for (const gir::Bound& b : s.within->bounds) collect_vars(b.expr, out);
}

static std::vector<gir::NamedDim> only(const std::vector<gir::NamedDim>& dims,
                                       const std::set<Name>& names) {
    std::vector<gir::NamedDim> out;
    for (const gir::NamedDim& d : dims)
        if (names.contains(d.name)) out.push_back(d);
    return out;
}

std::vector<gir::NamedDim> KernelBuilder::free_dims(const std::vector<Slice>& slices) const {
    std::set<Name> vars;
    for (const Slice& s : slices) collect_vars(s, vars);
    return only(dims_, vars);
}

Index KernelBuilder::dims_of(const Val& v) const {
    Index out;
    if (v.is_literal()) return out;
    for (const gir::NamedDim& d : free_dims({v.slice()})) out.emplace_back(d.name);
    return out;
}

Op KernelBuilder::make_op(OpKind kind, Fn fn, const Val& dst, const std::vector<Val>& srcs) const {
    Op op;
    op.kind = kind;
    op.fn = fn;
    op.dst = dst.slice();
    op.origins = origins_;
    std::vector<Slice> slices = {op.dst};
    for (const Val& v : srcs) {
        op.srcs.push_back(v.operand);
        if (!v.is_literal()) slices.push_back(v.slice());
    }
    op.dims = free_dims(slices);
    return op;
}

void KernelBuilder::append(Op op) {
    frames_.back().body.push_back(gir::stmt(std::move(op)));
}

// ---- values ----

Val KernelBuilder::tile(std::string_view base, DType dtype, const Index& dims) {
    gir::Let let;
    let.tile.name = fresh_local(base);
    let.tile.level = "local";
    let.tile.dtype = dtype;
    std::set<Name> vars;
    for (const Affine& d : dims) collect_vars(d, vars);
    let.tile.dims = only(dims_, vars);
    Slice s{let.tile.name, {}, {}};
    for (const gir::NamedDim& d : let.tile.dims) s.at.emplace_back(d.name);
    frames_.back().body.push_back(gir::stmt(std::move(let)));
    return {s, dtype};
}

Val KernelBuilder::result_tile(std::string_view base, DType dtype, const std::vector<Val>& operands,
                               const std::set<Name>& without) {
    std::vector<Slice> slices;
    for (const Val& v : operands)
        if (!v.is_literal()) slices.push_back(v.slice());
    Index dims;
    for (const gir::NamedDim& d : free_dims(slices))
        if (!without.contains(d.name)) dims.emplace_back(d.name);
    return tile(base, dtype, dims);
}

Val KernelBuilder::unary(Fn fn, const Val& a, std::string_view base) {
    Val out = result_tile(base, gir::gives_bool(fn) ? DType::kBool : a.dtype, {a});
    append(make_op(OpKind::Unary, fn, out, {a}));
    return out;
}

Val KernelBuilder::binary(Fn fn, const Val& a, const Val& b, std::string_view base) {
    const DType operand = a.is_literal() ? b.dtype : a.dtype;
    Val out = result_tile(base, gir::gives_bool(fn) ? DType::kBool : operand, {a, b});
    append(make_op(OpKind::Binary, fn, out, {a, b}));
    return out;
}

Val KernelBuilder::select(const Val& condition, const Val& then, const Val& otherwise,
                          std::string_view base) {
    Val out = result_tile(base, then.is_literal() ? otherwise.dtype : then.dtype,
                          {condition, then, otherwise});
    append(make_op(OpKind::Select, Fn::copy, out, {condition, then, otherwise}));
    return out;
}

Val KernelBuilder::cast(const Val& v, DType dtype, std::string_view base) {
    if (v.dtype == dtype) return v;
    if (v.is_literal()) return {converted(std::get<Literal>(v.operand), v.dtype, dtype), dtype};
    Val out = result_tile(base, dtype, {v});
    append(make_op(OpKind::Unary, Fn::cast, out, {v}));
    return out;
}

Val KernelBuilder::copy(const Val& v, std::string_view base) {
    Val out = result_tile(base, v.dtype, {v});
    move(out, v);
    return out;
}

Val KernelBuilder::reduce(Fn fn, const Val& v, const Index& over, std::string_view base) {
    std::set<Name> without;
    for (const Affine& d : over) collect_vars(d, without);
    Val out = result_tile(base, v.dtype, {v}, without);
    reduce_into(fn, out, v, false);
    return out;
}

Val KernelBuilder::iota(const Affine& value, DType dtype, std::string_view base) {
    std::set<Name> vars;
    collect_vars(value, vars);
    Index dims;
    for (const gir::NamedDim& d : only(dims_, vars)) dims.emplace_back(d.name);
    Val out = tile(base, dtype, dims);
    Op op = make_op(OpKind::Iota, Fn::copy, out, {});
    op.value = value;
    append(std::move(op));
    return out;
}

Val KernelBuilder::load(const Val& v) {
    return v.is_literal() ? v : cast(v, compute_dtype(v.dtype));
}

Val KernelBuilder::load_row(const Val& v, std::string_view base) {
    return compute_dtype(v.dtype) == v.dtype ? copy(v, base)
                                             : cast(v, compute_dtype(v.dtype), base);
}

// ---- effects ----

void KernelBuilder::move(const Val& dst, const Val& src) {
    if (src.is_literal()) return fill(dst, std::get<Literal>(src.operand));
    append(make_op(OpKind::Move, Fn::copy, dst, {src}));
}

void KernelBuilder::fill(const Val& dst, Literal value) {
    append(make_op(OpKind::Fill, Fn::copy, dst, {Val{value, dst.dtype}}));
}

void KernelBuilder::mma(const Val& acc, const Val& a, const Val& b) {
    Op op = make_op(OpKind::Mma, Fn::copy, acc, {a, b});
    op.accumulate = true;
    append(std::move(op));
}

static Literal identity_of(Fn fn, DType t) {
    switch (fn) {
        case Fn::add:
        case Fn::or_:
            return literal(0, t);
        case Fn::mul:
        case Fn::and_:
            return literal(1, t);
        case Fn::max:
            return lowest(t);
        case Fn::min:
            return highest(t);
        default:
            SMEATON_CHECK(false, "{} does not reduce", gir::name(fn));
    }
}

void KernelBuilder::reduce_into(Fn fn, const Val& dst, const Val& src, bool accumulate) {
    Op op = make_op(OpKind::Reduce, fn, dst, {src});
    const bool empty = std::any_of(op.dims.begin(), op.dims.end(),
                                   [](const gir::NamedDim& d) { return d.extent.is(0); });
    if (empty) {
        if (!accumulate) fill(dst, identity_of(fn, dst.dtype));
        return;
    }
    op.accumulate = accumulate;
    append(std::move(op));
}

void KernelBuilder::binary_into(Fn fn, const Val& dst, const Val& a, const Val& b) {
    append(make_op(OpKind::Binary, fn, dst, {a, b}));
}

void KernelBuilder::scatter(Fn fn, const Val& dst, const Val& src) {
    append(make_op(OpKind::Scatter, fn, dst, {src}));
}

void KernelBuilder::sort(const Val& key, const Val& payload, const Affine& along, bool descending) {
    Op op = make_op(OpKind::Sort, Fn::copy, key, {});
    op.payload = payload.slice();
    op.descending = descending;
    const std::optional<Name> line = along.single_var();
    SMEATON_CHECK(line, "{}: sort along an axis of extent 1", name_);
    op.along = *line;
    append(std::move(op));
}

void KernelBuilder::check(const Val& condition, const std::string& message) {
    gir::Check check;
    check.condition = condition.operand;
    check.message = message;
    if (!condition.is_literal()) check.dims = free_dims({condition.slice()});
    frames_.back().body.push_back(gir::stmt(std::move(check)));
}

void KernelBuilder::store(const Val& dst, const Val& src) {
    move(dst, cast(src, dst.dtype));
}

// ---- tile reuse ----

namespace {

void mentioned(const Slice& s, std::set<Name>& out) {
    out.insert(s.target);
    for (const gir::Coord& c : s.at)
        if (c.index) mentioned(*c.index, out);
}

std::set<Name> targets(const gir::Stmt& s) {
    std::set<Name> out;
    if (auto* op = std::get_if<Op>(&s.node))
        gir::for_each_slice(*op, [&](const Slice& slice, bool) { out.insert(slice.target); });
    if (auto* check = std::get_if<gir::Check>(&s.node))
        if (auto* slice = std::get_if<Slice>(&check->condition)) mentioned(*slice, out);
    return out;
}

/// The operand tile that the result of `op` may take over, if any.
std::optional<Name> donor(const Op& op, const std::map<Name, gir::Tile>& tiles,
                          const std::map<Name, size_t>& last_use, size_t position) {
    if (op.kind != OpKind::Unary && op.kind != OpKind::Binary && op.kind != OpKind::Select)
        return {};
    const auto result = tiles.find(op.dst.target);
    if (result == tiles.end() || op.dst.within) return {};
    for (const gir::Operand& o : op.srcs) {
        const Slice* s = std::get_if<Slice>(&o);
        if (!s || s->target == op.dst.target || s->within || s->at != op.dst.at) continue;
        const auto tile = tiles.find(s->target);
        if (tile == tiles.end() || last_use.at(s->target) != position) continue;
        if (tile->second.dtype != result->second.dtype || tile->second.dims != result->second.dims)
            continue;
        const bool elsewhere = std::any_of(op.srcs.begin(), op.srcs.end(), [&](const auto& other) {
            const Slice* q = std::get_if<Slice>(&other);
            return q && q->target == s->target && q->at != s->at;
        });
        if (!elsewhere) return s->target;
    }
    return {};
}

/// Tiles whose value is stored: a later kernel may take the tile for the buffer, so it keeps its
/// value.
std::set<Name> stored_tiles(const gir::Block& block, const std::map<Name, gir::Tile>& tiles) {
    std::set<Name> out;
    for (const gir::StmtPtr& s : block) {
        const Op* op = std::get_if<Op>(&s->node);
        if (!op || op->kind != OpKind::Move || tiles.contains(op->dst.target)) continue;
        if (const Slice* from = std::get_if<Slice>(&op->srcs[0])) out.insert(from->target);
    }
    return out;
}

gir::Block reuse_in_leaf(gir::Block block) {
    for (size_t j = 0; j < block.size(); ++j) {
        const Op* op = std::get_if<Op>(&block[j]->node);
        if (!op) continue;
        std::map<Name, gir::Tile> tiles;
        std::map<Name, size_t> first_use, last_use;
        for (size_t n = 0; n < block.size(); ++n) {
            if (auto* let = std::get_if<gir::Let>(&block[n]->node))
                tiles[let->tile.name] = let->tile;
            for (Name t : targets(*block[n])) {
                first_use.emplace(t, n);
                last_use[t] = n;
            }
        }
        const Name result = op->dst.target;
        const std::optional<Name> taken = donor(*op, tiles, last_use, j);
        if (!taken || first_use.at(result) != j) continue;
        if (stored_tiles(block, tiles).contains(*taken)) continue;
        gir::Block next;
        for (const gir::StmtPtr& s : block) {
            const gir::Let* let = std::get_if<gir::Let>(&s->node);
            if (!let || let->tile.name != result) next.push_back(s);
        }
        const size_t before = block.size();
        block = gir::rename_targets(next, {{result, *taken}});
        j -= before - block.size();
    }
    return block;
}

}  // namespace

gir::Block reuse_tiles(const gir::Block& block) {
    gir::Block out;
    bool leaf = true;
    for (const gir::StmtPtr& s : block) {
        if (auto* p = std::get_if<gir::Parallel>(&s->node)) {
            leaf = false;
            out.push_back(
                gir::stmt(gir::Parallel{p->axis, p->extent, p->scope, reuse_tiles(p->body)}));
        } else if (auto* f = std::get_if<gir::For>(&s->node)) {
            leaf = false;
            gir::For loop = *f;
            loop.body = reuse_tiles(f->body);
            out.push_back(gir::stmt(std::move(loop)));
        } else {
            out.push_back(s);
        }
    }
    return leaf ? reuse_in_leaf(std::move(out)) : out;
}

}  // namespace smeaton::lower
