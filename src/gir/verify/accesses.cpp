#include "gir/verify/accesses.h"

#include <algorithm>

#include "gir/layout.h"
#include "gir/text/print.h"
#include "gir/verify/rules.h"

namespace smeaton::gir::verifying {

namespace {

class Collector {
public:
    Collector(const Program& program, const Kernel& kernel, const Bindings& bindings)
        : p_(program), k_(kernel), bindings_(bindings) {
        for (const auto& [name, value] : bindings) parameters_.emplace(name, Affine(value));
    }

    Accesses run() {
        block(k_.body);
        return std::move(out_);
    }

private:
    void block(const Block& statements) {
        size_t tiles = tiles_.size();
        for (const StmtPtr& s : statements)
            std::visit([&](const auto& node) { statement(node); }, s->node);
        tiles_.resize(tiles);
    }

    void statement(const Parallel& p) { nested(p.axis, p.extent, true, p.body); }

    void statement(const For& f) {
        size_t facts = space_.facts.size();
        for (const Affine& a : f.from)
            space_.facts.push_back({bound(Affine(f.axis) - a), 0, kUnbounded});
        for (const Affine& a : f.to)
            space_.facts.push_back({bound(Affine(f.axis) - a), -kUnbounded, -1});
        nested(f.axis, f.extent, false, f.body);
        space_.facts.resize(facts);
    }

    void nested(Name axis, const Dim& extent, bool parallel, const Block& body) {
        space_.variables.push_back({axis, value(extent)});
        loops_.push_back({next_loop_++, parallel});
        block(body);
        loops_.pop_back();
        space_.variables.pop_back();
    }

    void statement(const Let& let) {
        if (let.source) {
            place_ = fmt::format("kernel {}: let {}", k_.name, let.tile.name);
            with_dims(let.tile.dims, [&] { touch(*let.source, false); });
        }
        Target t;
        t.name = t.root = let.tile.name;
        t.is_tile = true;
        t.filled = let.source || let.constant;
        t.depth = loops_.size();
        for (const NamedDim& d : let.tile.dims) t.logical.push_back({0, value(d.extent) - 1});
        t.stored = t.logical;
        tiles_.push_back(out_.targets.size());
        out_.targets.push_back(std::move(t));
    }

    void statement(const Prefetch&) {}

    void statement(const Check& c) {
        place_ = fmt::format("kernel {}: check \"{}\"", k_.name, c.message);
        with_dims(c.dims, [&] { operand(c.condition); });
    }

    void statement(const Op& op) {
        place_ = fmt::format("kernel {}: `{}`", k_.name, print(op));
        with_dims(op.dims, [&] {
            for (const Operand& o : op.srcs) operand(o);
            bool reads_dst = op.accumulate || op.kind == OpKind::Sort ||
                             (op.kind == OpKind::Scatter && op.fn != ScalarFn::copy);
            if (reads_dst) touch(op.dst, false);
            if (op.payload) touch(*op.payload, false);
            touch(op.dst, true);
            out_.list.back().scatter = op.kind == OpKind::Scatter && !op.unique;
            if (op.payload) touch(*op.payload, true);
        });
    }

    template <class Body>
    void with_dims(const std::vector<NamedDim>& dims, Body body) {
        for (const NamedDim& d : dims) space_.variables.push_back({d.name, value(d.extent)});
        body();
        space_.variables.resize(space_.variables.size() - dims.size());
    }

    void operand(const Operand& o) {
        if (const auto* s = std::get_if<Slice>(&o)) touch(*s, false);
    }

    /// The index slices of a slice are read before it; inside its bounds only.
    void touch(const Slice& s, bool write) {
        size_t facts = space_.facts.size();
        if (s.within)
            for (const Bound& b : s.within->bounds)
                space_.facts.push_back({bound(b.expr), b.lo ? value(*b.lo) : -kUnbounded,
                                        b.hi ? value(*b.hi) - 1 : kUnbounded});
        Access a;
        for (const Coord& c : s.at) {
            a.at.push_back(bound(c.affine));
            a.computed.push_back(c.index != nullptr);
            if (c.index) touch(*c.index, false);
        }
        a.place = place_;
        a.target = target(s.target);
        a.write = write;
        a.space = space_;
        a.loops = loops_;
        out_.list.push_back(std::move(a));
        space_.facts.resize(facts);
    }

    size_t target(Name name) {
        for (auto t = tiles_.rbegin(); t != tiles_.rend(); ++t)
            if (out_.targets[*t].name == name) return *t;
        auto [at, added] = buffers_.emplace(name, out_.targets.size());
        if (added) out_.targets.push_back(buffer(p_.buffer(name)));
        return at->second;
    }

    Target buffer(const Buffer& b) const {
        Target t;
        t.name = b.name;
        t.root = root_of(p_, b.name);
        t.border_has_value = b.layout.border.has_value();
        for (const NamedDim& d : b.dims) t.logical.push_back({0, value(d.extent) - 1});
        t.stored = t.logical;
        for (const PhysicalDim& p : physical_dims(b)) {
            if (p.mod != 0) continue;  // the outermost piece alone has the border
            int64_t extent = t.logical[static_cast<size_t>(p.dim)].hi + 1;
            int64_t blocks = (extent + p.div - 1) / p.div;
            t.stored[static_cast<size_t>(p.dim)] = {-p.before * p.div,
                                                    (blocks + p.after) * p.div - 1};
        }
        return t;
    }

    int64_t value(const Dim& d) const { return d.bind(bindings_).value(); }
    Affine bound(const Affine& a) const { return substitute(a, parameters_); }

    const Program& p_;
    const Kernel& k_;
    const Bindings& bindings_;
    Substitution parameters_;
    Accesses out_;
    std::string place_;
    Space space_;
    std::vector<LoopAxis> loops_;
    int next_loop_ = 0;
    std::vector<size_t> tiles_;  // in scope, innermost last
    std::map<Name, size_t> buffers_;
};

}  // namespace

bool Access::any_computed() const {
    return std::find(computed.begin(), computed.end(), true) != computed.end();
}

Accesses accesses_of(const Program& p, const Kernel& k, const Bindings& bindings) {
    return Collector(p, k, bindings).run();
}

}  // namespace smeaton::gir::verifying
