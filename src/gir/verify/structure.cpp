// Names, ranks and the form of each kind of op.
#include <algorithm>

#include "gir/names.h"
#include "gir/text/print.h"
#include "gir/verify/rules.h"
#include "gir/verify/scoped.h"
#include "gir/walk.h"

namespace smeaton::gir::verifying {

namespace {

class StructureChecker {
public:
    StructureChecker(const Program& program, const Kernel& kernel, Faults& faults)
        : p_(program), k_(kernel), faults_(faults) {
        place_ = fmt::format("kernel {}", k_.name);
        for (const Param& param : p_.params) vars_.push_back(param.name);
    }

    void run() {
        if (k_.name.empty()) fault("the name is empty");
        Kernel derived = with_uses(k_);
        if (derived.reads != k_.reads || derived.writes != k_.writes)
            fault("its lists of buffers are not those that its body reads and writes");
        block(k_.body);
    }

private:
    void block(const Block& statements) {
        visit_block(statements, tiles_, [&](const auto& node) { statement(node); });
    }

    void statement(const Parallel& p) {
        place_ = fmt::format("kernel {}: parallel {}", k_.name, p.axis);
        if (p.scope.empty()) fault("it has no scope");
        nested(p.axis, p.extent, p.body);
    }

    void statement(const For& f) {
        place_ = fmt::format("kernel {}: for {}", k_.name, f.axis);
        for (const Affine& a : f.from) affine(a);
        for (const Affine& a : f.to) affine(a);
        if (f.unroll < 1) fault("unroll is less than 1");
        nested(f.axis, f.extent, f.body);
    }

    void nested(Name axis, const Dim& axis_extent, const Block& body) {
        extent(axis_extent);
        declare(axis);
        vars_.push_back(axis);
        loops_.push_back(axis);
        block(body);
        loops_.pop_back();
        vars_.pop_back();
    }

    void statement(const Let& let) {
        place_ = fmt::format("kernel {}: let {}", k_.name, let.tile.name);
        const Tile& t = let.tile;
        if (t.level.empty()) fault("it has no level");
        if (t.lanes < -1 || t.lanes >= static_cast<int>(t.dims.size())) fault("lanes is no dim");
        if (tensor::bits(t.dtype) == 0) fault("a tile cannot hold strings");
        declare(t.name);
        if (p_.find_buffer(t.name) != nullptr) fault("a buffer has the same name");
        size_t outer = vars_.size();
        dims(t.dims);
        if (let.source) slice(*let.source);
        vars_.resize(outer);
        if ((let.kind != TileKind::Memory) != let.source.has_value())
            fault("a claim or copy has a source, a tile that ops fill has none");
        if (let.source && let.constant) fault("it has both a source and constant data");
        depth(let);
        if (!let.ring.empty() && std::find(loops_.begin(), loops_.end(), let.ring) == loops_.end())
            fault(fmt::format("ring({}) names no enclosing loop", let.ring));
        if (!let.ring.empty() && !let.source) fault("ring belongs to a claim or copy");
        if (let.constant) constant(let);
        tiles_.push_back(t);
    }

    void depth(const Let& let) {
        if (let.depth < 1) fault("depth is less than 1");
        if (let.depth > 1 && let.kind != TileKind::Copy) fault("depth belongs to a copy");
        if (let.depth > 1 && loops_.empty())
            fault("a copy in parts needs a loop around it, whose iterations they are of");
        else if (let.depth > 1 && !let.ring.empty() && let.ring != loops_.back())
            fault(fmt::format("its parts are of the loop {} around it, its ring is {}",
                              loops_.back(), let.ring));
    }

    void constant(const Let& let) {
        bool same_shape = let.constant->shape().size() == let.tile.dims.size();
        for (size_t i = 0; same_shape && i < let.tile.dims.size(); ++i)
            same_shape = let.tile.dims[i].extent.is(let.constant->shape()[i]);
        if (let.constant->dtype() != let.tile.dtype || !same_shape)
            fault("its constant data has another dtype or shape");
    }

    void statement(const Prefetch& p) {
        place_ = fmt::format("kernel {}: prefetch {}", k_.name, p.buffer);
        auto among = [&](const std::vector<Name>& names) {
            return std::find(names.begin(), names.end(), p.buffer) != names.end();
        };
        if (!among(k_.reads) && !among(k_.writes)) fault("it names no buffer of its kernel");
        if (p.lines < 1 || p.stride < 1) fault("lines and stride are at least 1");
        affine(p.element);
    }

    void statement(const Check& c) {
        place_ = fmt::format("kernel {}: check \"{}\"", k_.name, c.message);
        if (c.message.empty()) fault("it has no message");
        size_t outer = vars_.size();
        dims(c.dims);
        operand(c.condition);
        vars_.resize(outer);
    }

    void statement(const Op& op) {
        place_ = fmt::format("kernel {}: `{}`", k_.name, print(op));
        size_t outer = vars_.size();
        dims(op.dims);
        slice(op.dst);
        for (const Operand& src : op.srcs) operand(src);
        if (op.payload) slice(*op.payload);
        affine(op.value);
        vars_.resize(outer);
        form(op);
        every_dim_is_used(op);
    }

    void form(const Op& op) {
        size_t sources = op.srcs.size();
        auto want = [&](size_t count) {
            if (sources != count) fault(fmt::format("it has {} sources, wants {}", sources, count));
        };
        bool has_fn = false;
        switch (op.kind) {
            case OpKind::Move:
                want(1);
                break;
            case OpKind::Fill:
                want(1);
                if (sources == 1 && !std::holds_alternative<Literal>(op.srcs[0]))
                    fault("fill takes a literal");
                break;
            case OpKind::Iota:
                want(0);
                break;
            case OpKind::Unary:
            case OpKind::Binary: {
                size_t count = op.kind == OpKind::Unary ? 1 : 2;
                want(count);
                has_fn = true;
                if (static_cast<size_t>(arity(op.fn)) != count)
                    fault(fmt::format("{} takes {} operands", name(op.fn), arity(op.fn)));
                break;
            }
            case OpKind::Select:
                want(3);
                break;
            case OpKind::Reduce:
                want(1);
                has_fn = true;
                if (!is_reducer(op.fn)) fault(fmt::format("{} does not reduce", name(op.fn)));
                break;
            case OpKind::Mma:
                want(2);
                if (!op.accumulate) fault("mma accumulates: +=");
                break;
            case OpKind::Scatter:
                want(1);
                has_fn = true;
                if (op.fn != ScalarFn::copy && !is_reducer(op.fn))
                    fault(fmt::format("{} does not combine in a scatter", name(op.fn)));
                if (!is_computed(op.dst)) fault("scatter wants a computed coordinate to store to");
                break;
            case OpKind::Sort:
                sort(op);
                break;
        }
        if (!has_fn && op.fn != ScalarFn::copy) fault("it takes no scalar function");
        if (op.accumulate && op.kind != OpKind::Reduce && op.kind != OpKind::Mma)
            fault("only reduce and mma accumulate");
        if (op.kind != OpKind::Scatter && is_computed(op.dst))
            fault("only scatter stores to a computed coordinate");
        if (op.kind != OpKind::Sort && op.payload) fault("only sort has a payload");
        if (op.kind != OpKind::Iota && !(op.value == Affine())) fault("only iota has a value");
    }

    void sort(const Op& op) {
        if (!op.srcs.empty()) fault("sort has no sources");
        bool is_dim = std::any_of(op.dims.begin(), op.dims.end(),
                                  [&](const NamedDim& d) { return d.name == op.along; });
        if (!is_dim || !walks(op.dst, op.along)) fault("the dim to sort along is not in its slice");
        if (op.payload && is_computed(*op.payload)) fault("the payload has a computed coordinate");
    }

    static bool is_computed(const Slice& s) {
        return std::any_of(s.at.begin(), s.at.end(), [](const Coord& c) { return !!c.index; });
    }

    void every_dim_is_used(const Op& op) {
        for (const NamedDim& d : op.dims) {
            bool stored = walks(op.dst, d.name);
            bool reads_suffice = op.kind == OpKind::Reduce || op.kind == OpKind::Mma;
            bool read = std::any_of(op.srcs.begin(), op.srcs.end(), [&](const Operand& o) {
                const auto* s = std::get_if<Slice>(&o);
                return s != nullptr && walks(*s, d.name);
            });
            if (!stored && !(reads_suffice && read))
                fault(fmt::format("the dim {} is not in {}", d.name,
                                  reads_suffice ? "any operand" : "what it writes"));
            if (op.payload && !walks(*op.payload, d.name))
                fault(fmt::format("the dim {} is not in the payload", d.name));
        }
    }

    void dims(const std::vector<NamedDim>& list) {
        std::set<Name> seen;
        for (const NamedDim& d : list) {
            extent(d.extent);
            if (d.name.empty() || !seen.insert(d.name).second)
                fault(fmt::format("a dim's name '{}' is empty or used twice", d.name));
            if (std::find(vars_.begin(), vars_.end(), d.name) != vars_.end())
                fault(fmt::format("the dim {} has the name of an axis or parameter", d.name));
        }
        for (const NamedDim& d : list) vars_.push_back(d.name);
    }

    void operand(const Operand& o) {
        if (const auto* s = std::get_if<Slice>(&o)) slice(*s);
    }

    void slice(const Slice& s) {
        size_t rank = 0;
        auto tile = std::find_if(tiles_.begin(), tiles_.end(),
                                 [&](const Tile& t) { return t.name == s.target; });
        if (tile != tiles_.end()) {
            rank = tile->dims.size();
        } else if (const Buffer* b = p_.find_buffer(s.target)) {
            rank = b->dims.size();
        } else {
            return fault(fmt::format("{} is no buffer and no tile in scope", s.target));
        }
        if (s.at.size() != rank)
            fault(fmt::format("{} coordinates for {}, which has {} dims", s.at.size(), s.target,
                              rank));
        for (const Coord& c : s.at) {
            affine(c.affine);
            if (c.index) slice(*c.index);
        }
        if (!s.within) return;
        if (s.within->bounds.empty()) fault("within () has no bound");
        for (const Bound& b : s.within->bounds) {
            affine(b.expr);
            if (!b.lo && !b.hi) fault("a bound without ends");
            if (b.lo) extent(*b.lo, false);
            if (b.hi) extent(*b.hi, false);
        }
    }

    void affine(const Affine& a) {
        for (const Term& t : a.terms)
            if (std::find(vars_.begin(), vars_.end(), t.var) == vars_.end())
                fault(fmt::format("{} is no axis, dim or parameter in scope", t.var));
    }

    void extent(const Dim& d, bool of_a_size = true) {
        if (of_a_size && d.is_const() && d.value() < 0)
            fault(fmt::format("the extent {} is negative", d.value()));
        for (Name symbol : d.symbols())
            if (std::none_of(p_.params.begin(), p_.params.end(),
                             [&](const Param& param) { return param.name == symbol; }))
                fault(fmt::format("the parameter {} is not declared", symbol));
    }

    /// Axes and tiles hide nothing that is in scope.
    void declare(Name name) {
        bool taken = std::find(vars_.begin(), vars_.end(), name) != vars_.end() ||
                     std::any_of(tiles_.begin(), tiles_.end(),
                                 [&](const Tile& t) { return t.name == name; });
        if (name.empty() || taken)
            fault(fmt::format("the name '{}' is empty or hides another", name));
    }

    void fault(const std::string& message) { faults_.add(place_, message); }

    const Program& p_;
    const Kernel& k_;
    Faults& faults_;
    std::string place_;
    std::vector<Name> vars_;   // parameters, axes, and the dims of the op in hand
    std::vector<Name> loops_;  // axes around
    std::vector<Tile> tiles_;
};

}  // namespace

void check_structure(const Program& p, const Kernel& k, Faults& faults) {
    StructureChecker(p, k, faults).run();
}

}  // namespace smeaton::gir::verifying
