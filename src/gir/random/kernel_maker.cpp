#include "gir/random/kernel_maker.h"

#include <algorithm>

#include "gir/walk.h"

namespace smeaton::gir::random {

namespace {

// One dim of the output: how its coordinate is made of axes and op dims.
struct Place {
    Affine coordinate;
    int64_t extent = 1;           // of the buffer
    int64_t reach = 1;            // coordinate < reach; above extent when a split leaves a tail
    std::optional<NamedDim> dim;  // op dim that it uses
    std::optional<Name> axis;     // axis that it uses
    bool whole_axis = false;      // coordinate is the axis itself
};

struct LocalTile {
    Name name;
    DType dtype;
    std::vector<NamedDim> dims;
    bool exact = true;
};

struct Value {  // an operand and what it is worth
    Operand operand;
    bool exact = true;
};

class KernelMaker {
public:
    KernelMaker(Draft& draft, Name out)
        : d_(draft),
          choose_(draft.choose),
          out_(out),
          dtype_(draft.made.program.buffer(out).dtype) {}

    Kernel make() {
        if (d_.options.scatters && choose_.chance(8)) return scatter_kernel();
        place_output();
        Block body = inner_body();
        Block nest = wrap(std::move(body));
        Block all = claims_;
        all.insert(all.end(), nest.begin(), nest.end());
        return finish(std::move(all));
    }

private:
    // ---- the nest ----

    struct Axis {
        Name name;
        int64_t extent;
        bool parallel;
    };

    void place_output() {
        const Buffer& b = d_.made.program.buffer(out_);
        for (const NamedDim& nd : b.dims) {
            Place p;
            p.extent = p.reach = nd.extent.value();
            int64_t mode = choose_.pick(0, 9);
            if (mode < 3) {
                whole_axis(p, true);
            } else if (mode < 4 && d_.options.serial_loops) {
                whole_axis(p, false);
            } else if (mode < 7 || p.extent < 4) {
                p.dim = NamedDim{d_.fresh("e"), Dim(p.extent)};
                p.coordinate = Affine(p.dim->name);
            } else {
                split(p);
            }
            places_.push_back(p);
        }
        std::stable_sort(axes_.begin(), axes_.end(),
                         [](const Axis& a, const Axis& b) { return a.parallel > b.parallel; });
    }

    void whole_axis(Place& p, bool parallel) {
        p.axis = d_.fresh("i");
        p.coordinate = Affine(*p.axis);
        p.whole_axis = true;
        axes_.push_back({*p.axis, p.extent, parallel});
    }

    void split(Place& p) {
        int64_t tile = choose_.of(std::vector<int64_t>{2, 3, 4, 8, 16});
        tile = std::min(tile, p.extent);
        int64_t parts = (p.extent + tile - 1) / tile;
        p.reach = parts * tile;
        p.axis = d_.fresh("i");
        p.dim = NamedDim{d_.fresh("e"), Dim(tile)};
        p.coordinate = Affine(*p.axis, tile) + Affine(p.dim->name);
        axes_.push_back({*p.axis, parts, choose_.chance(70) || !d_.options.serial_loops});
    }

    Block wrap(Block body) {
        for (size_t a = axes_.size(); a-- > 0;) {
            const Axis& axis = axes_[a];
            Block outer;
            if (axis.parallel) {
                outer.push_back(
                    stmt(Parallel{axis.name, Dim(axis.extent), d_.options.scope, body}));
            } else {
                For f;
                f.axis = axis.name;
                f.extent = Dim(axis.extent);
                f.body = body;
                outer.push_back(stmt(std::move(f)));
            }
            body = std::move(outer);
        }
        return body;
    }

    Kernel finish(Block body) {
        Kernel k;
        k.name = d_.fresh("k");
        k.body = std::move(body);
        k.origins = {"Node_" + k.name.str()};
        d_.exact[out_] = exact_;
        return with_uses(std::move(k));
    }

    // ---- reading ----

    Extents extents() const {
        Extents e;
        for (const Axis& a : axes_) e[a.name] = a.extent;
        for (const Place& p : places_)
            if (p.dim) e[p.dim->name] = p.dim->extent.value();
        for (const NamedDim& c : contracted_) e[c.name] = c.extent.value();
        for (const auto& [name, extent] : more_axes_) e[name] = extent;
        return e;
    }

    Literal literal(DType t) {
        if (tensor::is_float(t)) return Literal::of(static_cast<double>(choose_.pick(-8, 8)) / 4.0);
        if (t == DType::kBool) return Literal::of_int(choose_.pick(0, 1));
        return Literal::of_int(choose_.pick(-3, 5));
    }

    Literal unsigned_safe(DType t) {
        Literal l = literal(t);
        if (tensor::dtype_class(t) == tensor::DTypeClass::UInt && l.i < 0) l.i = -l.i;
        return l;
    }

    // A form whose values lie anywhere; bounds are added where they leave the buffer.
    // `size` above 0: of the dim that is read; places that fill it are preferred.
    Affine coordinate(std::vector<size_t>& unused_places, int64_t size = 0) {
        bool contraction = !unread_.empty() && choose_.chance(70);
        Affine a;
        if (!unused_places.empty() && (!contraction || choose_.chance(40))) {
            size_t which = static_cast<size_t>(
                choose_.pick(0, static_cast<int64_t>(unused_places.size()) - 1));
            for (size_t i = 0; i < unused_places.size(); ++i)
                if (size > 1 && places_[unused_places[i]].extent == size) which = i;
            const Place& p = places_[unused_places[which]];
            unused_places.erase(unused_places.begin() + static_cast<std::ptrdiff_t>(which));
            int64_t shape = choose_.pick(0, 9);
            a = p.coordinate;
            if (shape == 0) a = Affine(p.extent - 1) - p.coordinate;
            if (shape == 1) a = p.coordinate * 2;
            if (shape <= 3) a += Affine(choose_.pick(-2, 2));
        } else if (!contraction) {
            a = Affine(choose_.pick(0, 1));
        }
        if (contraction) {
            a += Affine(unread_.back().name);
            unread_.pop_back();
            if (choose_.chance(30)) a += Affine(-1);
        }
        return a;
    }

    // A slice of a new input or an earlier temp over some of the places and all unread
    // contractions.
    Slice read(DType t, bool& exact) {
        std::vector<size_t> unused(places_.size());
        for (size_t i = 0; i < unused.size(); ++i) unused[i] = i;
        choose_.shuffle(unused);
        std::vector<Name> old;
        for (Name n : d_.readable)
            if (d_.made.program.buffer(n).dtype == t) old.push_back(n);
        Slice s = !old.empty() && choose_.chance(60) ? read_old(choose_.of(old), unused)
                                                     : read_new(t, unused);
        exact = exact && d_.is_exact(s.target);
        if (d_.options.claims && choose_.chance(12)) return claimed(s);
        return s;
    }

    Slice read_old(Name buffer, std::vector<size_t>& unused) {
        Slice s;
        s.target = buffer;
        Buffer b = d_.made.program.buffer(buffer);
        for (size_t i = 0; i < b.dims.size(); ++i) {
            Affine a = coordinate(unused, b.dims[i].extent.value());
            s.at.push_back(Coord(a));
            bound(s, a, b, i);
        }
        return s;
    }

    Slice read_new(DType t, std::vector<size_t>& unused) {
        size_t rank = std::max<size_t>(static_cast<size_t>(choose_.pick(1, 3)), unread_.size());
        std::vector<Affine> forms;
        std::vector<int64_t> sizes;
        int64_t elements = 1;
        for (size_t i = 0; i < rank; ++i) {
            forms.push_back(coordinate(unused));
            int64_t size = std::max<int64_t>(value_range(forms.back(), extents()).hi + 1, 1);
            if (choose_.chance(25)) size = std::max<int64_t>(size - choose_.pick(1, 3), 1);
            if (elements * size > 20000) size = choose_.pick(1, 4);
            elements *= size;
            sizes.push_back(size);
        }
        Slice s;
        s.target = d_.add_input(t, sizes, 0).name;
        for (size_t i = 0; i < rank; ++i) {
            if (d_.options.gathers && choose_.chance(12) && !forms[i].is_const()) {
                s.at.push_back(gathered(forms[i], sizes[i]));
                continue;
            }
            s.at.push_back(Coord(forms[i]));
            bound(s, forms[i], d_.made.program.buffer(s.target), i);
        }
        return s;
    }

    // Reads of a border that has a value need no bound; everything else outside does.
    void bound(Slice& s, const Affine& a, const Buffer& b, size_t dim) {
        ValueRange r = value_range(a, extents());
        int64_t size = b.dims[dim].extent.value(), before = 0, after = 0;
        if (b.layout.border && choose_.chance(70)) {
            for (const PhysicalDim& p : b.layout.dims) {
                if (p.dim != static_cast<int>(dim) || p.div != 1 || p.mod != 0) continue;
                before = p.before;
                after = p.after;
            }
        }
        if (r.lo >= -before && r.hi < size + after) return;
        if (!s.within) s.within = Within{{}, unsigned_safe(b.dtype)};
        s.within->bounds.push_back({a, Dim(0), Dim(size)});
    }

    // The form becomes the position in a tensor of indices, which all lie in 0..limit-1.
    Coord gathered(const Affine& form, int64_t limit) {
        ValueRange r = value_range(form, extents());
        DType t = d_.options.integers.empty() ? DType::kI64 : choose_.of(d_.options.integers);
        Slice index;
        Buffer& b = d_.add_input(t, {r.hi - std::min<int64_t>(r.lo, 0) + 1}, limit);
        d_.indices.insert(b.name);
        index.target = b.name;
        index.at.push_back(Coord(form - Affine(std::min<int64_t>(r.lo, 0))));
        return Coord(Affine(0), std::move(index));
    }

    // The whole buffer claimed before the nest; the slice reads the claim where it stays inside.
    Slice claimed(const Slice& s) {
        const Buffer& b = d_.made.program.buffer(s.target);
        for (size_t i = 0; i < s.at.size(); ++i) {
            if (s.at[i].index) continue;
            ValueRange r = value_range(s.at[i].affine, extents());
            if (r.lo < 0 || r.hi >= b.dims[i].extent.value()) return s;
        }
        Let let;
        let.tile.name = d_.fresh("claim");
        let.tile.level = d_.options.local;
        let.tile.dtype = b.dtype;
        let.kind = choose_.chance(60) ? TileKind::Claim : TileKind::Copy;
        Slice source;
        source.target = s.target;
        for (const NamedDim& nd : b.dims) {
            NamedDim dim{d_.fresh("q"), nd.extent};
            let.tile.dims.push_back(dim);
            source.at.push_back(Coord(dim.name));
        }
        let.source = source;
        Slice through = s;
        through.target = let.tile.name;
        claims_.push_back(stmt(std::move(let)));
        return through;
    }

    // ---- values ----

    std::vector<NamedDim> op_dims() const {
        std::vector<NamedDim> dims;
        for (const Place& p : places_)
            if (p.dim) dims.push_back(*p.dim);
        return dims;
    }

    Slice whole(const LocalTile& t) const {
        Slice s;
        s.target = t.name;
        for (const NamedDim& d : t.dims) s.at.push_back(Coord(d.name));
        return s;
    }

    LocalTile& new_tile(DType t, std::vector<NamedDim> dims, Block& into) {
        LocalTile tile{d_.fresh("r"), t, std::move(dims), true};
        Let let;
        let.tile = {tile.name, d_.options.local, t, tile.dims, -1};
        into.push_back(stmt(std::move(let)));
        tiles_.push_back(std::move(tile));
        return tiles_.back();
    }

    Value value(DType t) {
        std::vector<size_t> fitting;
        for (size_t i = 0; i < tiles_.size(); ++i)
            if (tiles_[i].dtype == t) fitting.push_back(i);
        int64_t kind = choose_.pick(0, 9);
        if (!fitting.empty() && kind < 6) {
            const LocalTile& tile = tiles_[choose_.of(fitting)];
            return {whole(tile), tile.exact};
        }
        if (kind == 6) return {unsigned_safe(t), true};
        bool exact = true;
        Slice s = read(t, exact);
        return {std::move(s), exact};
    }

    // A value with at least one slice in it, for ops that would otherwise be constant.
    Value slice_value(DType t) {
        Value v = value(t);
        while (!std::holds_alternative<Slice>(v.operand)) v = value(t);
        return v;
    }

    Op op(OpKind kind, ScalarFn fn, std::vector<NamedDim> dims, Slice dst,
          std::vector<Operand> srcs) {
        Op o;
        o.kind = kind;
        o.fn = fn;
        o.dims = std::move(dims);
        o.dst = std::move(dst);
        o.srcs = std::move(srcs);
        return o;
    }

    void put(Block& into, Op o) { into.push_back(stmt(std::move(o))); }

    // ---- statements ----

    void elementwise(Block& into) {
        DType t = dtype_;
        bool in_place = !tiles_.empty() && tiles_.back().dtype == t && choose_.chance(40);
        bool exact = true;
        std::vector<Operand> srcs;
        bool binary = choose_.chance(60);
        Value a = in_place ? Value{whole(tiles_.back()), tiles_.back().exact} : slice_value(t);
        exact = a.exact;
        srcs.push_back(a.operand);
        ScalarFn fn;
        if (binary) {
            Value b = value(t);
            exact = exact && b.exact;
            srcs.push_back(b.operand);
            fn = choose_.of(std::vector<ScalarFn>{ScalarFn::add, ScalarFn::sub, ScalarFn::mul,
                                                  ScalarFn::max, ScalarFn::min});
        } else if (tensor::is_float(t)) {
            std::vector<ScalarFn> list{ScalarFn::neg,  ScalarFn::abs,     ScalarFn::relu,
                                       ScalarFn::tanh, ScalarFn::sigmoid, ScalarFn::erf,
                                       ScalarFn::copy};
            if (exact) list.insert(list.end(), {ScalarFn::floor, ScalarFn::round, ScalarFn::sign});
            fn = choose_.of(list);
            exact = exact && fn != ScalarFn::tanh && fn != ScalarFn::sigmoid && fn != ScalarFn::erf;
        } else {
            fn = choose_.of(std::vector<ScalarFn>{ScalarFn::neg, ScalarFn::abs, ScalarFn::relu});
        }
        OpKind kind = binary ? OpKind::Binary : fn == ScalarFn::copy ? OpKind::Move : OpKind::Unary;
        LocalTile& tile = in_place ? tiles_.back() : new_tile(t, op_dims(), into);
        tile.exact = exact;
        put(into, op(kind, fn, op_dims(), whole(tile), std::move(srcs)));
        tame(into, tile);
    }

    // Products grow: large magnitudes are cut, so that chains stay comparable.
    void tame(Block& into, const LocalTile& tile) {
        Literal bound = tensor::is_float(tile.dtype) ? Literal::of(64.0) : Literal::of_int(100);
        put(into, op(OpKind::Binary, ScalarFn::min, tile.dims, whole(tile), {whole(tile), bound}));
        if (tensor::dtype_class(tile.dtype) == tensor::DTypeClass::UInt) return;
        Literal low = tensor::is_float(tile.dtype) ? Literal::of(-64.0) : Literal::of_int(-100);
        put(into, op(OpKind::Binary, ScalarFn::max, tile.dims, whole(tile), {whole(tile), low}));
    }

    void selection(Block& into) {
        Value a = slice_value(dtype_), b = value(dtype_), x = value(dtype_), y = value(dtype_);
        if (!a.exact || !b.exact) return;  // a comparison near a tie may go either way
        new_tile(DType::kBool, op_dims(), into);
        LocalTile flags = tiles_.back();
        tiles_.pop_back();
        ScalarFn fn = choose_.of(std::vector<ScalarFn>{ScalarFn::lt, ScalarFn::ge, ScalarFn::eq});
        put(into, op(OpKind::Binary, fn, op_dims(), whole(flags), {a.operand, b.operand}));
        LocalTile& tile = new_tile(dtype_, op_dims(), into);
        tile.exact = x.exact && y.exact;
        put(into, op(OpKind::Select, ScalarFn::copy, op_dims(), whole(tile),
                     {whole(flags), x.operand, y.operand}));
    }

    std::vector<NamedDim> contraction_dims() {
        std::vector<NamedDim> dims;
        for (int64_t n = choose_.pick(1, 2); n > 0; --n)
            dims.push_back(
                {d_.fresh("c"), Dim(choose_.of(std::vector<int64_t>{1, 2, 3, 5, 8, 17}))});
        return dims;
    }

    // Sources that together read all contracted dims.
    Value contracted_source(bool last) {
        if (last || choose_.chance(50)) unread_ = contracted_;
        bool exact = true;
        Slice s = read(dtype_, exact);
        return {std::move(s), exact};
    }

    void contraction(Block& into) {
        contracted_ = contraction_dims();
        bool serial = d_.options.serial_loops && choose_.chance(35);
        Value a = contracted_source(true);
        bool product = choose_.chance(65);
        LocalTile& tile = new_tile(dtype_, op_dims(), into);
        LocalTile result = tile;
        bool fresh = choose_.chance(50);
        tile.exact = !tensor::is_float(dtype_);
        ScalarFn fn =
            product
                ? ScalarFn::add
                : choose_.of(std::vector<ScalarFn>{ScalarFn::add, ScalarFn::max, ScalarFn::min});
        if (fn == ScalarFn::max || fn == ScalarFn::min) tile.exact = a.exact;
        Literal start = tensor::is_float(dtype_) ? Literal::of(0.0) : Literal::of_int(0);
        bool accumulate = product || serial || fresh;
        if (accumulate)
            put(into, op(OpKind::Fill, ScalarFn::copy, op_dims(), whole(result), {start}));
        std::vector<NamedDim> dims = op_dims();
        Op o;
        if (product) {
            Value b = contracted_source(false);
            unread_.clear();
            o = op(OpKind::Mma, ScalarFn::mul, dims, whole(result), {a.operand, b.operand});
            o.fn = ScalarFn::copy;
            o.accumulate = true;
        } else {
            o = op(OpKind::Reduce, fn, dims, whole(result), {a.operand});
            o.accumulate = accumulate;
        }
        close_contraction(into, std::move(o), serial);
        contracted_.clear();
        unread_.clear();
    }

    // The contracted dims as dims of the op, or the first as a serial loop around it.
    void close_contraction(Block& into, Op o, bool serial) {
        size_t first = serial ? 1 : 0;
        for (size_t c = first; c < contracted_.size(); ++c) o.dims.push_back(contracted_[c]);
        if (!serial) return put(into, std::move(o));
        For f;
        f.axis = contracted_[0].name;
        f.extent = contracted_[0].extent;
        if (choose_.chance(25))
            for (const Place& p : places_)
                if (p.whole_axis && f.to.empty()) f.to.push_back(p.coordinate + Affine(1));
        f.body.push_back(stmt(std::move(o)));
        into.push_back(stmt(std::move(f)));
    }

    // Folds some dims of a tile and uses the result broadcast, as softmax and the norms do.
    void narrow(Block& into) {
        if (tiles_.empty() || op_dims().empty()) return elementwise(into);
        LocalTile from = tiles_.back();
        if (from.dtype != dtype_) return;
        std::vector<NamedDim> kept;
        for (const NamedDim& d : from.dims)
            if (choose_.chance(40)) kept.push_back(d);
        ScalarFn fn = choose_.of(std::vector<ScalarFn>{ScalarFn::add, ScalarFn::max});
        LocalTile& tile = new_tile(dtype_, kept, into);
        tile.exact = from.exact && (fn == ScalarFn::max || !tensor::is_float(dtype_));
        put(into, op(OpKind::Reduce, fn, from.dims, whole(tile), {whole(from)}));
        tame(into, tile);
    }

    void sorted(Block& into) {
        std::vector<NamedDim> dims = op_dims();
        if (dims.empty() || tiles_.empty() || !tiles_.back().exact ||
            tiles_.back().dtype != dtype_ || tiles_.back().dims.size() != dims.size())
            return elementwise(into);
        LocalTile key = tiles_.back();
        Op o = op(OpKind::Sort, ScalarFn::copy, dims, whole(key), {});
        o.descending = choose_.chance(50);
        o.along = choose_.of(dims).name;
        if (choose_.chance(60)) {
            LocalTile at = new_tile(DType::kI64, dims, into);
            tiles_.pop_back();
            Op count = op(OpKind::Iota, ScalarFn::copy, dims, whole(at), {});
            count.value = Affine(o.along);
            put(into, std::move(count));
            o.payload = whole(at);
            put(into, std::move(o));
            LocalTile& tile = new_tile(dtype_, dims, into);
            put(into, op(OpKind::Unary, ScalarFn::cast, dims, whole(tile), {whole(at)}));
            return;
        }
        put(into, std::move(o));
    }

    void counted(Block& into) {
        if (d_.options.integers.empty()) return elementwise(into);
        LocalTile at = new_tile(choose_.of(d_.options.integers), op_dims(), into);
        tiles_.pop_back();
        Op count = op(OpKind::Iota, ScalarFn::copy, op_dims(), whole(at), {});
        for (const Place& p : places_)
            if (choose_.chance(50)) count.value += p.coordinate * choose_.pick(-2, 3);
        count.value += Affine(choose_.pick(-2, 2));
        put(into, std::move(count));
        LocalTile& tile = new_tile(dtype_, op_dims(), into);
        OpKind kind = at.dtype == dtype_ ? OpKind::Move : OpKind::Unary;
        put(into, op(kind, kind == OpKind::Move ? ScalarFn::copy : ScalarFn::cast, op_dims(),
                     whole(tile), {whole(at)}));
    }

    Slice destination() {
        Slice s;
        s.target = out_;
        for (const Place& p : places_) {
            s.at.push_back(Coord(p.coordinate));
            if (p.reach == p.extent) continue;
            if (!s.within) s.within = Within{{}, unsigned_safe(dtype_)};
            s.within->bounds.push_back({p.coordinate, std::nullopt, Dim(p.extent)});
        }
        return s;
    }

    Block inner_body() {
        Block body;
        for (int64_t n = choose_.pick(0, 4); n > 0; --n) {
            int64_t kind = choose_.pick(0, 19);
            if (kind < 8)
                elementwise(body);
            else if (kind < 10)
                selection(body);
            else if (kind < 14)
                contraction(body);
            else if (kind < 17)
                narrow(body);
            else if (kind == 17)
                counted(body);
            else if (d_.options.sorts)
                sorted(body);
        }
        Value v = slice_value(dtype_);
        exact_ = v.exact;
        std::vector<Operand> srcs{v.operand};
        bool sum = choose_.chance(40);
        if (sum) {
            Value w = value(dtype_);
            exact_ = exact_ && w.exact;
            srcs.push_back(w.operand);
        }
        put(body, op(sum ? OpKind::Binary : OpKind::Move, sum ? ScalarFn::add : ScalarFn::copy,
                     op_dims(), destination(), std::move(srcs)));
        return body;
    }

    // y filled, then updated at rows chosen by an index.
    Kernel scatter_kernel() {
        const Buffer& b = d_.made.program.buffer(out_);
        std::vector<NamedDim> all;
        Slice whole_out;
        whole_out.target = out_;
        for (const NamedDim& nd : b.dims) {
            all.push_back({d_.fresh("e"), nd.extent});
            whole_out.at.push_back(Coord(all.back().name));
        }
        Block body;
        put(body, op(OpKind::Fill, ScalarFn::copy, all, whole_out, {unsigned_safe(dtype_)}));
        int64_t rows = all[0].extent.value(), updates = choose_.pick(1, 12);
        DType t = d_.options.integers.empty() ? DType::kI64 : choose_.of(d_.options.integers);
        Slice index, from;
        index.target = d_.add_input(t, {updates}, rows).name;
        d_.indices.insert(index.target);
        NamedDim u{d_.fresh("u"), Dim(updates)};
        index.at.push_back(Coord(u.name));
        std::vector<NamedDim> dims{u};
        Slice dst;
        dst.target = out_;
        dst.at.push_back(Coord(Affine(0), index));
        std::vector<int64_t> sizes{updates};
        from.at.push_back(Coord(u.name));
        for (size_t i = 1; i < all.size(); ++i) {
            NamedDim v{d_.fresh("e"), all[i].extent};
            dims.push_back(v);
            dst.at.push_back(Coord(v.name));
            from.at.push_back(Coord(v.name));
            sizes.push_back(v.extent.value());
        }
        from.target = d_.add_input(dtype_, sizes, 0).name;
        ScalarFn fn =
            choose_.of(std::vector<ScalarFn>{ScalarFn::copy, ScalarFn::add, ScalarFn::max});
        put(body, op(OpKind::Scatter, fn, dims, dst, {from}));
        exact_ = true;  // few values on a grid: their sums are exact in any order
        return finish(std::move(body));
    }

    Draft& d_;
    Chooser& choose_;
    Name out_;
    DType dtype_;
    std::vector<Place> places_;
    std::vector<Axis> axes_;
    std::vector<std::pair<Name, int64_t>> more_axes_;
    std::vector<NamedDim> contracted_, unread_;
    std::vector<LocalTile> tiles_;
    Block claims_;
    bool exact_ = true;
};

}  // namespace

void add_kernel(Draft& draft, Name out) {
    Kernel k = KernelMaker(draft, out).make();
    draft.made.program.steps.push_back(
        {RunStep{std::make_shared<const Kernel>(std::move(k)), false}});
}

}  // namespace smeaton::gir::random
